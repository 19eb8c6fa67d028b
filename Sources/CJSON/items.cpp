#include "CJSON.h"
#include "skip.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <simdjson.h>
#include <vector>

namespace od = simdjson::ondemand;

namespace {

using cjson::broken, cjson::good, cjson::odd;
using cjson::is_space, cjson::Names, cjson::Skipper, cjson::Verdict, cjson::worse;

/// Of an item: root, list, item.
constexpr int item_depth = 2;

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

/// The text of a string without its quotes. Odd where it has escapes, or is none.
Verdict plain_string(od::value &value, std::string_view &text) {
    std::string_view token = value.raw_json_token();
    if (token[0] != '"') return odd;
    while (is_space(token.back())) token.remove_suffix(1);
    if (token.size() < 2 || token.back() != '"') return broken;
    text = token.substr(1, token.size() - 2);
    return memchr(text.data(), '\\', text.size()) ? odd : good;
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
    const char *end;
    cjson_kind kind;
    bool all_odd;

    /// Goes over a value that is not read. simdjson steps over it, too, from one token to the next.
    Verdict check(od::value &value, int depth) const {
        Skipper skipper(begins(value), end);
        return skipper.token(depth);
    }

    cjson_span span(const char *from, const char *to) const {
        while (to > from && is_space(to[-1])) to--;
        return {uint32_t(from - start), uint32_t(to - from)};
    }

    Verdict box(od::value &value, cjson_label &label) const {
        od::array list;
        if (*begins(value) != '[') return odd;
        if (value.get_array().get(list)) return broken;
        double *sides[] = {&label.x, &label.y, &label.width, &label.height};
        size_t count = 0;
        for (auto element : list) {
            od::value side;
            if (element.get(side)) return broken;
            if (count == 4 || side.get_double().get(*sides[count])) return odd;
            count++;
        }
        return count == 4 ? good : odd;
    }

    Verdict member(std::string_view name, od::value &value, cjson_label &label, unsigned &has) const {
        auto is = [name](std::string_view word) { return name == word; };
        if (is("id")) return has |= has_id, whole(value, label.id);
        if (is("image_id")) return has |= has_image, whole(value, label.image);
        if (is("category_id")) return has |= has_category, whole(value, label.category);
        if (is("bbox")) return has |= has_box, box(value, label);
        if (is("segmentation")) {
            const char *from = begins(value);
            Skipper skipper(from, end);
            const Verdict verdict = skipper.token(item_depth + 1);
            if (verdict == good && (*from == '[' || *from == '{') && skipper.at - from > 2)
                label.segmentation = span(from, skipper.at);
            return verdict;
        }
        if (is("score")) {
            if (is_word(value, "null")) return kind == CJSON_DETECTIONS ? odd : good;
            return has |= has_score, (value.get_double().get(label.score) ? odd : good);
        }
        if (is("area")) {
            if (is_word(value, "null")) return good;
            return value.get_double().get(label.area) || label.area < 0 ? odd : good;
        }
        if (is("iscrowd")) {
            const bool yes = is_word(value, "1") || is_word(value, "true");
            if (yes) label.is_crowd = label.is_ignored = 1;
            if (yes || is_word(value, "0") || is_word(value, "false") || is_word(value, "null")) return good;
            return odd;
        }
        if (is("treatment")) return is_word(value, "\"ignore\"") ? (label.is_ignored = 1, good) : odd;
        const bool near = resembles(name, "iscrowd") || resembles(name, "score") || resembles(name, "area")
            || resembles(name, "treatment");
        return worse(near ? odd : good, check(value, item_depth + 1));
    }

    Verdict member(std::string_view name, od::value &value, cjson_picture &picture, unsigned &has) const {
        auto is = [name](std::string_view word) { return name == word; };
        if (is("id")) return has |= has_id, whole(value, picture.id);
        if (is("width")) return has |= has_width, side(value, picture.width);
        if (is("height")) return has |= has_height, side(value, picture.height);
        if (is("file_name")) {
            std::string_view text;
            const Verdict verdict = plain_string(value, text);
            has |= has_name;
            if (verdict != good) return verdict;
            picture.name = {uint32_t(text.data() - start), uint32_t(text.size())};
            // One that may leave the folder, or has another way of writing it, is looked at.
            const bool ends_plainly = !text.empty() && text.back() != '/' && text.back() != '.';
            const auto has = [text](std::string_view part) { return text.find(part) != text.npos; };
            return !ends_plainly || text[0] == '/' || has("./") || has("//") || has("..") ? odd : good;
        }
        return check(value, item_depth + 1);
    }

    /// A picture's width or height.
    static Verdict side(od::value &value, int64_t &result) {
        const Verdict verdict = whole(value, result);
        return result > 0 && result <= 1 << 20 ? verdict : odd;
    }

    template <typename Record>
    Verdict item(od::value &value, Record &record, unsigned needed) const {
        if (kind == CJSON_CHECK) return check(value, item_depth);
        if (kind == CJSON_ODD || *begins(value) != '{') return odd;
        od::object object;
        if (value.get_object().get(object)) return broken;
        Names names;
        unsigned has = 0;
        Verdict verdict = good;
        for (auto element : object) {
            od::field field;
            if (std::move(element).get(field)) return broken;
            const Verdict named = names.add(field.key().raw());
            verdict = worse(verdict, named == good ? member(names.last, field.value(), record, has) : named);
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
            Verdict verdict = item(value, record, needed);
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
        const auto *text = reinterpret_cast<const char *>(window->bytes);
        const Reader reader{text, text + window->length, kind, all_odd != 0};
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
