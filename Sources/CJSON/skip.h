// Goes over a value that nobody reads, and says whether it is JSON. Polygons are most of a file, and what is asked of
// them is only this, so they are not brought into numbers.
#ifndef CJSON_SKIP_H
#define CJSON_SKIP_H

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace cjson {

/// `odd`: the house's parser should look at it. `broken`: it is no JSON.
enum Verdict { good, odd, broken };

inline Verdict worse(Verdict a, Verdict b) { return a > b ? a : b; }

inline bool is_space(char byte) { return byte == ' ' || byte == '\n' || byte == '\r' || byte == '\t'; }

inline bool is_digit(char byte) { return uint8_t(byte - '0') < 10; }

/// The names of an object's members, to see one that is there twice.
class Names {
public:
    /// Adds the name whose first byte is at `text`. Odd where it may be there already, or has escapes.
    Verdict add(const char *text) {
        uint64_t hash = 0xcbf29ce484222325u;
        const char *end = text;
        for (; *end != '"'; end++) {
            if (*end == '\\') return odd;
            hash = (hash ^ uint8_t(*end)) * 0x100000001b3u;
        }
        last = std::string_view(text, size_t(end - text));
        if (count == most) return odd;
        for (int i = 0; i < count; i++)
            if (seen[i] == hash) return odd;
        seen[count++] = hash;
        return good;
    }

    /// Without escapes.
    std::string_view last;

private:
    static constexpr int most = 48;
    uint64_t seen[most];
    int count = 0;
};

/// Walks over text in which simdjson found every string closed, UTF-8 right and no control character in a string.
class Skipper {
public:
    /// The house's parser goes no deeper, the root of the file being level 0.
    static constexpr int deepest = 128;

    Skipper(const char *text, const char *end) : at(text), end(end) {}

    /// Where it stands: behind the value.
    const char *at;

    /// As `value`, and nothing but the end of the token stands behind it.
    Verdict token(int depth) {
        const Verdict verdict = value(depth);
        if (verdict != good || is_space(*at) || *at == ',' || *at == ']' || *at == '}') return verdict;
        return broken;
    }

    /// Goes over the value that begins here. Where it is good or odd, it stands behind it; but odd may mean that it
    /// was left in the middle.
    Verdict value(int depth) {
        if (at >= end) return broken;
        if (depth > deepest) return odd;
        switch (*at) {
        case '"': return string();
        case '[': return list(depth);
        case '{': return object(depth);
        case 't': return word("true", 4);
        case 'f': return word("false", 5);
        case 'n': return word("null", 4);
        default: return number();
        }
    }

private:
    const char *const end;

    void space() {
        while (at < end && is_space(*at)) at++;
    }

    Verdict word(const char *text, size_t length) {
        if (size_t(end - at) < length || memcmp(at, text, length) != 0) return broken;
        at += length;
        return good;
    }

    /// One with an exponent or hundreds of digits is odd: a double may not hold it.
    Verdict number() {
        const char *const start = at;
        if (*at == '-') at++;
        const char *const digits = at;
        while (is_digit(*at)) at++;
        if (at == digits || (*digits == '0' && at > digits + 1)) return broken;
        if (*at == '.') {
            const char *const fraction = ++at;
            while (is_digit(*at)) at++;
            if (at == fraction) return broken;
        }
        return (*at | 0x20) == 'e' || at - start > 300 ? odd : good;
    }

    Verdict string() {
        Verdict verdict = good;
        while (true) {
            at++;
            const auto *quote = static_cast<const char *>(memchr(at, '"', size_t(end - at)));
            if (!quote) return broken;
            const auto *escape = static_cast<const char *>(memchr(at, '\\', size_t(quote - at)));
            if (!escape) {
                at = quote + 1;
                return verdict;
            }
            at = escape + 1;
            if (*at == 'u') verdict = odd;
            else if (!memchr("\"\\/bfnrt", *at, 8)) return broken;
        }
    }

    Verdict list(int depth) {
        at++;
        space();
        if (at < end && *at == ']') return at++, good;
        Verdict verdict = good;
        while (true) {
            space();
            verdict = worse(verdict, value(depth + 1));
            if (verdict != good) return verdict;
            space();
            if (at >= end || (*at != ',' && *at != ']')) return broken;
            if (*at++ == ']') return good;
        }
    }

    Verdict object(int depth) {
        at++;
        space();
        if (at < end && *at == '}') return at++, good;
        Names names;
        while (true) {
            space();
            if (at >= end || *at != '"') return broken;
            if (names.add(at + 1) == odd) return odd;
            at += names.last.size() + 2;
            space();
            if (at >= end || *at++ != ':') return broken;
            space();
            const Verdict verdict = value(depth + 1);
            if (verdict != good) return verdict;
            space();
            if (at >= end || (*at != ',' && *at != '}')) return broken;
            if (*at++ == '}') return good;
        }
    }
};

} // namespace cjson
#endif
