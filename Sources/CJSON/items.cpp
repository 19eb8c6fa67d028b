#include "CJSON.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <simdjson.h>
#include <vector>

namespace od = simdjson::ondemand;

namespace {

/// The house's parser goes no deeper, the root being level 0.
constexpr int deepest = 128, item_depth = 2;

enum Verdict { good, odd, broken };

Verdict worse(Verdict a, Verdict b) { return a > b ? a : b; }

bool is_space(char byte) { return byte == ' ' || byte == '\n' || byte == '\r' || byte == '\t'; }

/// Where a value begins.
const char *begins(od::value &value) { return value.raw_json_token().data(); }

/// Whether the value is this word.
template <size_t n> bool is_word(od::value &value, const char (&word)[n]) {
    const std::string_view token = value.raw_json_token();
    if (token.size() < n - 1 || memcmp(token.data(), word, n - 1) != 0) return false;
    for (size_t i = n - 1; i < token.size(); i++)
        if (!is_space(token[i])) return false;
    return true;
}

/// The text of a string without its quotes. Odd where it has escapes.
Verdict plain_string(od::value &value, std::string_view &text) {
    std::string_view token = value.raw_json_token();
    if (token[0] != '"') return odd;
    while (is_space(token.back())) token.remove_suffix(1);
    if (token.size() < 2 || token.back() != '"') return broken;
    text = token.substr(1, token.size() - 2);
    return memchr(text.data(), '\\', text.size()) ? odd : good;
}

/// A string that is not looked at: good, too, where its escapes are the simple ones.
Verdict any_string(od::value &value) {
    std::string_view text;
    const Verdict verdict = plain_string(value, text);
    if (verdict == broken) return broken;
    for (size_t i = 0; verdict == odd && i < text.size(); i++)
        if (text[i] == '\\' && !memchr("\"\\/bfnrt", text[++i], 8)) return odd;
    return good;
}

/// The names of an object's members, to see one that is there twice.
class Names {
public:
    /// Adds the name of a member. Odd where it may be there, or has escapes.
    Verdict add(od::field &field) {
        const char *at = field.key().raw();
        uint64_t hash = 0xcbf29ce484222325u;
        const char *end = at;
        for (; *end != '"'; end++) {
            if (*end == '\\') return odd;
            hash = (hash ^ uint8_t(*end)) * 0x100000001b3u;
        }
        last = std::string_view(at, size_t(end - at));
        if (count == most) return odd;
        for (int i = 0; i < count; i++)
            if (seen[i] == hash) return odd;
        seen[count++] = hash;
        return good;
    }

    std::string_view last;

private:
    static constexpr int most = 48;
    uint64_t seen[most];
    int count = 0;
};

/// Goes through a value that is not looked at.
Verdict check(od::value &value, int depth) {
    if (depth > deepest) return odd;
    const char *at = begins(value);
    switch (*at) {
    case '{': {
        od::object object;
        if (value.get_object().get(object)) return broken;
        Names names;
        Verdict verdict = good;
        for (auto element : object) {
            od::field field;
            if (std::move(element).get(field)) return broken;
            verdict = worse(verdict, names.add(field));
            verdict = worse(verdict, check(field.value(), depth + 1));
            if (verdict == broken) return broken;
        }
        return verdict;
    }
    case '[': {
        od::array list;
        if (value.get_array().get(list)) return broken;
        Verdict verdict = good;
        for (auto element : list) {
            od::value item;
            if (element.get(item)) return broken;
            verdict = worse(verdict, check(item, depth + 1));
            if (verdict == broken) return broken;
        }
        return verdict;
    }
    case '"': return any_string(value);
    case 't': return is_word(value, "true") ? good : odd;
    case 'f': return is_word(value, "false") ? good : odd;
    case 'n': return is_word(value, "null") ? good : odd;
    case '-':
    case '0' ... '9': {
        double number;
        return value.get_double().get(number) ? odd : good;
    }
    default: return broken;
    }
}

/// A whole number, however it is written.
Verdict whole(od::value &value, int64_t &result) {
    if (!value.get_int64().get(result)) return good;
    double real;
    if (value.get_double().get(real) || std::fabs(real) > 0x1p53 || real != std::floor(real)) return odd;
    result = int64_t(real);
    return good;
}

/// `name` without underscores, and in lower case, is `word`: a spelling that is not taken for it, but looked at.
bool resembles(std::string_view name, std::string_view word) {
    size_t at = 0;
    for (const char byte : name) {
        if (byte == '_' || byte == '-' || byte == ' ') continue;
        if (at == word.size() || (byte | 0x20) != word[at++]) return false;
    }
    return at == word.size();
}

/// Members that were found.
enum : unsigned { has_id = 1, has_image = 2, has_category = 4, has_box = 8, has_score = 16, has_name = 32,
                  has_width = 64, has_height = 128 };

struct Reader {
    const char *start; // of the window
    cjson_kind kind;
    bool all_odd;

    cjson_span span(const char *from, const char *to) const {
        while (to > from && is_space(to[-1])) to--;
        return {uint32_t(from - start), uint32_t(to - from)};
    }

    Verdict box(od::value &value, cjson_label &label) const {
        od::array list;
        if (value.get_array().get(list)) return worse(odd, check(value, item_depth + 1));
        double *sides[] = {&label.x, &label.y, &label.width, &label.height};
        size_t count = 0;
        Verdict verdict = good;
        for (auto element : list) {
            od::value side;
            if (element.get(side)) return broken;
            double found;
            if (side.get_double().get(found))
                verdict = worse(verdict, worse(odd, check(side, item_depth + 2)));
            else if (count < 4)
                *sides[count] = found;
            if (verdict == broken) return broken;
            count++;
        }
        return count == 4 ? verdict : worse(verdict, odd);
    }

    Verdict member(std::string_view name, od::value &value, cjson_label &label, unsigned &has,
                   od::document &document) const {
        auto is = [name](std::string_view word) { return name == word; };
        if (is("id")) return has |= has_id, scalar(whole(value, label.id), value);
        if (is("image_id")) return has |= has_image, scalar(whole(value, label.image), value);
        if (is("category_id")) return has |= has_category, scalar(whole(value, label.category), value);
        if (is("bbox")) return has |= has_box, box(value, label);
        if (is("segmentation")) {
            const char *from = begins(value);
            const Verdict verdict = check(value, item_depth + 1);
            if (verdict == broken) return broken;
            if (*from != '[' && *from != '{') return verdict;
            const char *to;
            if (document.current_location().get(to)) return broken;
            const cjson_span found = span(from, to);
            if (found.length > 2) label.segmentation = found;
            return verdict;
        }
        if (is("score")) {
            if (is_word(value, "null")) return kind == CJSON_DETECTIONS ? odd : good;
            return has |= has_score, scalar(value.get_double().get(label.score) ? odd : good, value);
        }
        if (is("area")) {
            if (is_word(value, "null")) return good;
            const Verdict verdict = scalar(value.get_double().get(label.area) ? odd : good, value);
            return label.area >= 0 ? verdict : worse(verdict, odd);
        }
        if (is("iscrowd")) {
            const bool yes = is_word(value, "1") || is_word(value, "true");
            if (yes) label.is_crowd = label.is_ignored = 1;
            if (yes || is_word(value, "0") || is_word(value, "false") || is_word(value, "null")) return good;
            return worse(odd, check(value, item_depth + 1));
        }
        if (is("treatment")) {
            if (is_word(value, "\"ignore\"")) return label.is_ignored = 1, good;
            return worse(odd, check(value, item_depth + 1));
        }
        const bool near = resembles(name, "iscrowd") || resembles(name, "score") || resembles(name, "area")
            || resembles(name, "treatment");
        return worse(near ? odd : good, check(value, item_depth + 1));
    }

    Verdict member(std::string_view name, od::value &value, cjson_picture &picture, unsigned &has,
                   od::document &) const {
        auto is = [name](std::string_view word) { return name == word; };
        if (is("id")) return has |= has_id, scalar(whole(value, picture.id), value);
        if (is("width")) return has |= has_width, side(value, picture.width);
        if (is("height")) return has |= has_height, side(value, picture.height);
        if (is("file_name")) {
            std::string_view text;
            const Verdict verdict = plain_string(value, text);
            has |= has_name;
            if (verdict != good) return scalar(verdict, value);
            picture.name = {uint32_t(text.data() - start), uint32_t(text.size())};
            // One that may leave the folder is looked at.
            return text.empty() || text[0] == '/' || text.find("..") != text.npos ? odd : good;
        }
        return check(value, item_depth + 1);
    }

    /// A picture's width or height.
    static Verdict side(od::value &value, int64_t &result) {
        const Verdict verdict = scalar(whole(value, result), value);
        return result > 0 && result <= 1 << 20 ? verdict : worse(verdict, odd);
    }

    /// What could not be read as a scalar may be something long, which must be gone through.
    static Verdict scalar(Verdict verdict, od::value &value) {
        return verdict == odd ? worse(odd, check(value, item_depth + 1)) : verdict;
    }

    template <typename Record>
    Verdict item(od::value &value, Record &record, unsigned needed, od::document &document) const {
        if (kind == CJSON_CHECK) return check(value, item_depth);
        if (kind == CJSON_ODD || *begins(value) != '{') return worse(odd, check(value, item_depth));
        od::object object;
        if (value.get_object().get(object)) return broken;
        Names names;
        unsigned has = 0;
        Verdict verdict = good;
        for (auto element : object) {
            od::field field;
            if (std::move(element).get(field)) return broken;
            const Verdict named = names.add(field);
            verdict = worse(verdict, named);
            verdict = worse(verdict, named == good ? member(names.last, field.value(), record, has, document)
                                                   : check(field.value(), item_depth + 1));
            if (verdict == broken) return broken;
        }
        const unsigned sizes = has & (has_width | has_height);
        if ((has & needed) != needed || sizes == has_width || sizes == has_height) return worse(verdict, odd);
        return verdict;
    }

    template <typename Record>
    cjson_status items(od::parser &parser, const cjson_window &window, std::vector<Record> &records,
                       const Record &blank, unsigned needed, size_t &count) const {
        records.clear();
        count = 0;
        od::document document;
        od::array list;
        const auto text = simdjson::padded_string_view(start, window.length, window.capacity);
        if (const auto error = parser.iterate(text).get(document))
            return error == simdjson::MEMALLOC ? CJSON_NO_MEMORY : CJSON_FAULT;
        if (document.get_array().get(list)) return CJSON_FAULT;
        const char *odd_since = nullptr; // where the odd item begins that the last record is of
        auto close = [&](const char *next) {
            if (odd_since) records.back().item = span(odd_since, next);
            odd_since = nullptr;
        };
        for (auto element : list) {
            od::value value;
            if (element.get(value)) return CJSON_FAULT;
            const char *at = begins(value);
            if (odd_since) {
                const char *comma = at - 1;
                while (comma > odd_since && is_space(*comma)) comma--;
                close(comma);
            }
            Record record = blank;
            Verdict verdict = item(value, record, needed, document);
            if (verdict == broken) return CJSON_FAULT;
            if (all_odd) verdict = odd;
            record.odd = verdict == odd;
            if (verdict == odd) odd_since = at;
            if (verdict == odd || kind != CJSON_CHECK) records.push_back(record);
            count++;
        }
        close(start + window.length - 1);
        if (kind == CJSON_CHECK) count = records.size();
        const char *behind;
        return document.current_location().get(behind) == simdjson::OUT_OF_BOUNDS ? CJSON_DONE : CJSON_FAULT;
    }
};

} // namespace

struct cjson_parser {
    od::parser parser;
    std::vector<cjson_picture> pictures;
    std::vector<cjson_label> labels;
};

cjson_parser *cjson_parser_new(void) {
    try {
        return new cjson_parser;
    } catch (...) {
        return nullptr;
    }
}

void cjson_parser_free(cjson_parser *parser) { delete parser; }

cjson_status cjson_parse(
    cjson_parser *parser, const cjson_window *window, cjson_kind kind, int all_odd, size_t *count) {
    try {
        const Reader reader{reinterpret_cast<const char *>(window->bytes), kind, all_odd != 0};
        if (kind == CJSON_PICTURES) {
            cjson_picture blank{};
            blank.width = blank.height = -1;
            return reader.items(parser->parser, *window, parser->pictures, blank, has_id | has_name, *count);
        }
        cjson_label blank{};
        blank.area = -1;
        blank.score = std::numeric_limits<double>::quiet_NaN();
        const unsigned needed = has_image | has_category | has_box | (kind == CJSON_DETECTIONS ? has_score : has_id);
        return reader.items(parser->parser, *window, parser->labels, blank, needed, *count);
    } catch (...) {
        return CJSON_NO_MEMORY;
    }
}

const cjson_picture *cjson_pictures(const cjson_parser *parser) { return parser->pictures.data(); }
const cjson_label *cjson_labels(const cjson_parser *parser) { return parser->labels.data(); }

const char *cjson_implementation(void) {
    static const std::string name = simdjson::get_active_implementation()->name();
    return name.c_str();
}
