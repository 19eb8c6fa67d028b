// Finds what separates items: commas and closing brackets at depth 0, outside strings. 64 bytes at a time.
#ifndef CJSON_SCAN_H
#define CJSON_SCAN_H

#include <cstddef>
#include <cstdint>
#include <cstring>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace cjson {

/// One bit a byte of a block.
struct Masks {
    uint64_t quotes, backslashes, opens, closes, commas;
};

// SSE2 is part of x86-64: no choice at run time is needed, and twice the width gains nothing behind a read from a file.
inline Masks masks(const uint8_t *block) {
    Masks m{0, 0, 0, 0, 0};
#if defined(__SSE2__)
    for (int i = 0; i < 4; i++) {
        const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i *>(block) + i);
        const __m128i folded = _mm_or_si128(bytes, _mm_set1_epi8(0x20)); // '[' becomes '{', ']' becomes '}'
        auto equal = [i](__m128i a, char c) {
            return uint64_t(uint32_t(_mm_movemask_epi8(_mm_cmpeq_epi8(a, _mm_set1_epi8(c))))) << (16 * i);
        };
        m.quotes |= equal(bytes, '"');
        m.backslashes |= equal(bytes, '\\');
        m.opens |= equal(folded, '{');
        m.closes |= equal(folded, '}');
        m.commas |= equal(bytes, ',');
    }
#else
    for (int i = 0; i < 64; i++) {
        const uint64_t bit = uint64_t(1) << i;
        const uint8_t byte = block[i];
        if (byte == '"') m.quotes |= bit;
        if (byte == '\\') m.backslashes |= bit;
        if ((byte | 0x20) == '{') m.opens |= bit;
        if ((byte | 0x20) == '}') m.closes |= bit;
        if (byte == ',') m.commas |= bit;
    }
#endif
    return m;
}

/// Where the scan of one value or one list stands. It goes on from piece to piece.
struct Scan {
    int64_t depth = 0;
    bool in_string = false;
    bool escaped = false; // the next byte is

    /// What a piece of text holds. Positions count from its start.
    struct Found {
        bool ended = false;      // a bracket closes what the items stand in, or a comma where that ends the scan
        size_t end = 0;          // where; else the piece's length
        int64_t last_comma = -1; // the last one at depth 0 before the end
        int64_t commas = 0;      // how many there are before the end
    };

    /// Scans `text`. With `stops` the first comma at depth 0 ends the scan.
    Found over(const uint8_t *text, size_t length, bool stops) {
        Found found;
        for (size_t at = 0; at < length; at += 64) {
            const size_t count = length - at < 64 ? length - at : 64;
            uint8_t rest[64];
            const uint8_t *block = text + at;
            if (count < 64) {
                memset(rest, ' ', sizeof rest);
                memcpy(rest, block, count);
                block = rest;
            }
            Masks m = masks(block);
            m.quotes &= ~escapes(m.backslashes, count);
            uint64_t strings = m.quotes; // becomes: 1 from an opening quote to the byte before its closing one
            for (int shift = 1; shift < 64; shift *= 2) strings ^= strings << shift;
            if (in_string) strings = ~strings;
            in_string = strings >> 63;
            const uint64_t opens = m.opens & ~strings, closes = m.closes & ~strings;
            const int closing = __builtin_popcountll(closes);
            if (depth > closing) { // depth 0 is not reached in this block
                depth += __builtin_popcountll(opens) - closing;
                continue;
            }
            for (uint64_t bits = opens | closes | (m.commas & ~strings); bits; bits &= bits - 1) {
                const int place = __builtin_ctzll(bits);
                const uint64_t bit = uint64_t(1) << place;
                if (opens & bit) {
                    depth++;
                } else if (closes & bit ? --depth < 0 : depth == 0 && stops) {
                    *this = Scan{};
                    found.ended = true;
                    found.end = at + size_t(place);
                    return found;
                } else if (depth == 0 && !(closes & bit)) {
                    found.last_comma = int64_t(at) + place;
                    found.commas++;
                }
            }
        }
        found.end = length;
        return found;
    }

private:
    /// The bytes that follow a backslash which itself is not escaped.
    uint64_t escapes(uint64_t backslashes, size_t count) {
        uint64_t result = escaped ? 1 : 0;
        if (escaped) backslashes &= ~uint64_t(1);
        escaped = false;
        while (backslashes) {
            const int place = __builtin_ctzll(backslashes);
            if (size_t(place) + 1 == count) {
                escaped = true;
                break;
            }
            result |= uint64_t(2) << place;
            backslashes &= ~(uint64_t(3) << place);
        }
        return result;
    }
};

} // namespace cjson
#endif
