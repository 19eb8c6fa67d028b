#include "CJSON.h"
#include "scan.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <new>
#include <simdjson.h>
#include <string>
#include <unistd.h>
#include <unordered_set>
#include <vector>

namespace {

constexpr size_t input_size = 256 << 10; // stays in the second-level cache from the read to the copy
constexpr size_t largest_window = size_t(1) << 30;

struct Member {
    std::string name;
    bool is_list;
};

enum class State { root, member_or_end, member, colon, value, items, after_value, after_root };

bool is_space(int byte) { return byte == ' ' || byte == '\n' || byte == '\r' || byte == '\t'; }

bool is_blank(const uint8_t *bytes, size_t length) {
    return std::all_of(bytes, bytes + length, [](uint8_t byte) { return is_space(byte); });
}

} // namespace

struct cjson_cutter {
    int descriptor;
    size_t target;
    State state = State::root;
    cjson_root root = CJSON_ROOT_UNKNOWN;
    std::vector<Member> members;
    std::unordered_set<std::string> names;

    std::vector<uint8_t> input = std::vector<uint8_t>(input_size);
    size_t at = 0, end = 0;
    int64_t base = 0; // of input[0] in the file
    int failure = 0;  // errno of a read

    // Of the list or value that is being cut.
    bool is_list = false;
    cjson_role role = CJSON_OTHER;
    cjson::Scan scan;
    std::vector<uint8_t> carry; // scanned, behind the last cut
    int64_t items_before = 0;
    int64_t windows = 0;

    /// Brings more input; false at the end of the file or where it cannot be read.
    bool refill() {
        base += int64_t(end);
        at = end = 0;
        while (true) {
            const ssize_t n = read(descriptor, input.data(), input.size());
            if (n < 0 && errno == EINTR) continue;
            if (n < 0) failure = errno;
            end = n > 0 ? size_t(n) : 0;
            return n > 0;
        }
    }

    /// The next byte, or -1.
    int peek() { return at < end || refill() ? input[at] : -1; }

    /// The next byte that is no space, or -1.
    int skip_space() {
        int byte = peek();
        while (is_space(byte)) {
            at++;
            byte = peek();
        }
        return byte;
    }

    void begin(bool list, cjson_role its_role) {
        is_list = list;
        role = its_role;
        scan = cjson::Scan{};
        carry.clear();
        items_before = 0;
        state = State::items;
    }

    /// Reads the name of a member; false where it is none, or was there before.
    bool read_name() {
        std::string text = "\"";
        at++;
        while (true) {
            const int byte = peek();
            if (byte < 0) return false;
            at++;
            text += char(byte);
            if (byte == '"') break;
            if (byte == '\\') {
                const int next = peek();
                if (next < 0) return false;
                at++;
                text += char(next);
            }
        }
        simdjson::dom::parser parser;
        std::string_view name;
        if (parser.parse(text.data(), text.size()).get_string().get(name)) return false;
        if (!simdjson::validate_utf8(name.data(), name.size())) return false; // half of a surrogate pair
        members.push_back({std::string(name), false});
        return names.insert(members.back().name).second;
    }

    void begin_value(bool list) {
        const std::string &name = members.back().name;
        members.back().is_list = list;
        begin(list, !list                   ? CJSON_OTHER
                    : name == "images"      ? CJSON_IMAGES
                    : name == "annotations" ? CJSON_ANNOTATIONS
                    : name == "categories"  ? CJSON_CATEGORIES
                                            : CJSON_OTHER);
    }

    /// Goes through what stands between the lists. CJSON_WINDOW: items begin here.
    cjson_status advance() {
        while (state != State::items) {
            const int byte = skip_space();
            if (failure) return CJSON_UNREADABLE;
            switch (state) {
            case State::root:
                if (byte == 0xEF && base == 0 && at == 0 && end >= 3 && input[1] == 0xBB && input[2] == 0xBF) {
                    at = 3; // a byte order mark
                    continue;
                }
                if (byte != '{' && byte != '[') return CJSON_FAULT;
                at++;
                root = byte == '{' ? CJSON_ROOT_OBJECT : CJSON_ROOT_LIST;
                if (byte == '{')
                    state = State::member_or_end;
                else
                    begin(true, CJSON_ENTRIES);
                break;
            case State::member_or_end:
                if (byte == '}') {
                    at++;
                    state = State::after_root;
                    break;
                }
                [[fallthrough]];
            case State::member:
                if (byte != '"' || !read_name()) return failure ? CJSON_UNREADABLE : CJSON_FAULT;
                state = State::colon;
                break;
            case State::colon:
                if (byte != ':') return CJSON_FAULT;
                at++;
                state = State::value;
                break;
            case State::value:
                if (byte < 0) return CJSON_FAULT;
                if (byte == '[') at++;
                begin_value(byte == '[');
                break;
            case State::after_value:
                if (root == CJSON_ROOT_LIST) {
                    state = State::after_root;
                    break;
                }
                if (byte != ',' && byte != '}') return CJSON_FAULT;
                at++;
                state = byte == ',' ? State::member : State::after_root;
                break;
            case State::after_root: return byte < 0 ? CJSON_DONE : CJSON_FAULT;
            case State::items: break;
            }
        }
        return CJSON_WINDOW;
    }

    static bool append(cjson_window &window, const uint8_t *bytes, size_t count) {
        const size_t needed = window.length + count + 1 + simdjson::SIMDJSON_PADDING;
        if (needed > window.capacity) {
            const size_t larger = std::max(needed, window.capacity + window.capacity / 2);
            auto *grown = static_cast<uint8_t *>(realloc(window.bytes, larger));
            if (!grown) return false;
            window.bytes = grown;
            window.capacity = larger;
        }
        if (count) memcpy(window.bytes + window.length, bytes, count);
        window.length += count;
        return true;
    }

    /// Fills a window. CJSON_DONE: the list is empty, and there is none.
    cjson_status fill(cjson_window &window) {
        const bool is_first = items_before == 0;
        window.length = 0;
        window.offset = base + int64_t(at) - int64_t(carry.size()) - 1;
        window.first = items_before;
        window.role = role;
        window.member = int64_t(members.size()) - 1;
        const uint8_t bracket = '[';
        if (!append(window, &bracket, 1) || !append(window, carry.data(), carry.size())) return CJSON_NO_MEMORY;
        carry.clear();
        size_t cut = 0; // place of the last comma between items in the window
        int64_t commas = 0;
        bool ended = false;
        while (!ended) {
            if (peek() < 0) return failure ? CJSON_UNREADABLE : CJSON_FAULT;
            const size_t wanted = window.length < target ? target - window.length : input_size;
            const auto found = scan.over(input.data() + at, std::min(end - at, wanted), !is_list);
            if (found.last_comma >= 0) cut = window.length + size_t(found.last_comma);
            commas += found.commas;
            if (!append(window, input.data() + at, found.end)) return CJSON_NO_MEMORY;
            at += found.end;
            ended = found.ended;
            if (!ended && cut && window.length >= target) break;
            if (window.length > largest_window) return CJSON_TOO_LARGE;
        }
        if (ended) {
            if (is_list && input[at] != ']') return CJSON_FAULT;
            if (is_list) at++;
            state = State::after_value;
        } else {
            carry.assign(window.bytes + cut + 1, window.bytes + window.length);
            window.length = cut;
            items_before += commas;
        }
        if (is_blank(window.bytes + 1, window.length - 1)) // an empty list, or nothing beside a comma
            return is_list && is_first && ended ? CJSON_DONE : CJSON_FAULT;
        window.bytes[window.length++] = ']';
        memset(window.bytes + window.length, ' ', simdjson::SIMDJSON_PADDING);
        window.number = windows++;
        return CJSON_WINDOW;
    }
};

cjson_cutter *cjson_cutter_new(int descriptor, size_t target) {
    try {
        auto *cutter = new cjson_cutter{};
        cutter->descriptor = descriptor;
        cutter->target = std::min(std::max<size_t>(target, 16), largest_window);
        return cutter;
    } catch (...) {
        return nullptr;
    }
}

void cjson_cutter_free(cjson_cutter *cutter) { delete cutter; }

cjson_status cjson_next(cjson_cutter *cutter, cjson_window *window) {
    try {
        while (true) {
            const cjson_status reached = cutter->advance();
            if (reached != CJSON_WINDOW) {
                errno = cutter->failure;
                return reached;
            }
            const cjson_status filled = cutter->fill(*window);
            errno = cutter->failure;
            if (filled != CJSON_DONE) return filled;
        }
    } catch (...) {
        return CJSON_NO_MEMORY;
    }
}

cjson_root cjson_cutter_root(const cjson_cutter *cutter) { return cutter->root; }
size_t cjson_member_count(const cjson_cutter *cutter) { return cutter->members.size(); }
const char *cjson_member_name(const cjson_cutter *cutter, size_t index) { return cutter->members[index].name.c_str(); }
int cjson_member_is_list(const cjson_cutter *cutter, size_t index) { return cutter->members[index].is_list; }

void cjson_window_free(cjson_window *window) {
    free(window->bytes);
    *window = cjson_window{};
}
