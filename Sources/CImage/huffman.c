#include "huffman.h"
#include <stdlib.h>
#include <string.h>

// An MCU has at most 10 blocks of 64 numbers of at most 16 + 15 bits: so far one may read behind the data unseen.
enum { SLACK = 10 * 64 * 4 + 16 };
// What an end of block adds to the place in it.
enum { END_OF_BLOCK = 128 };

// Places in a block by their order in the file. Those from 64 on are none: a zero goes to the last place, before what
// belongs there.
static const uint8_t order[2 * END_OF_BLOCK] = {
    0,  1,  8,  16, 9,  2,  3,  10, 17, 24, 32, 25, 18, 11, 4,  5,  12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6,  7,
    14, 21, 28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60,
    61, 54, 47, 55, 62, 63,
    [64 ... 2 * END_OF_BLOCK - 1] = 63,
};

// The number that `size` bits, one or more, stand for: their upper half for itself, the lower one for what is negative.
static inline int number_of(uint32_t bits, int size) {
    return (int)bits - ((bits >> (size - 1) & 1) ? 0 : (1 << size) - 1);
}

// Of a symbol of numbers behind the first: zeros before its number.
static inline int zeros_of(int symbol) { return (symbol & 15) == 0 && symbol != 0xF0 ? END_OF_BLOCK : symbol >> 4; }

// 0 where the table is none.
static int fill(pupil_huffman_table *table, const JHUFF_TBL *from, int is_dc) {
    if (!from) return 0;
    memset(table, 0, sizeof *table);
    uint32_t code = 0;
    int used = 0;
    for (int length = 1; length <= 16; length++) {
        table->offset[length] = used - (int32_t)code;
        for (int i = 0; i < from->bits[length]; i++, used++, code++) {
            if (used >= 256 || code >> length) return 0;
            int symbol = from->huffval[used];
            if (is_dc && symbol > 15) return 0;
            table->symbols[used] = (uint8_t)symbol;
            if (length > PUPIL_LOOK) continue;
            int size = symbol & 15, rest = PUPIL_LOOK - length - size;
            if (rest < 0) {
                uint32_t *first = &table->look[code << (PUPIL_LOOK - length)];
                uint32_t entry = (uint32_t)length << 8 | (uint32_t)symbol << 16;
                for (uint32_t j = 0; j < 1u << (PUPIL_LOOK - length); j++) first[j] = entry;
                continue;
            }
            uint32_t zeros = is_dc ? 0 : (uint32_t)zeros_of(symbol);
            for (uint32_t bits = 0; bits < 1u << size; bits++) {
                uint16_t number = size ? (uint16_t)number_of(bits, size) : 0;
                uint32_t entry = (uint32_t)(length + size) | zeros << 8 | (uint32_t)number << 16;
                uint32_t *first = &table->look[(code << size | bits) << rest];
                for (uint32_t j = 0; j < 1u << rest; j++) first[j] = entry;
            }
        }
        table->end[length] = code << (16 - length);
        code <<= 1;
    }
    return 1;
}

static void pair_up(const pupil_huffman_table *table, uint64_t *pairs) {
    for (uint32_t bits = 0; bits < 1u << PUPIL_LOOK; bits++) {
        uint32_t one = table->look[bits];
        uint64_t used = one & 0xFF, zeros = one >> 8 & 0xFF, step = zeros + 1, second = END_OF_BLOCK, number = 0;
        if (zeros == END_OF_BLOCK) {
            zeros = 0;
        } else if (used) {
            uint32_t two = table->look[bits << used & ((1u << PUPIL_LOOK) - 1)];
            if ((two & 0xFF) && used + (two & 0xFF) <= PUPIL_LOOK) {
                used += two & 0xFF;
                second = step + (two >> 8 & 0xFF);
                number = two >> 16;
                step = second + 1;
            }
        }
        pairs[bits] =
            used ? used | step << 8 | zeros << 16 | second << 24 | (uint64_t)(one >> 16) << 32 | number << 48 : 0;
    }
}

// Takes the data up to the next marker; 0 where none follows.
static int next_segment(pupil_huffman *h, const uint8_t *from) {
    uint8_t *to = h->segment;
    for (;;) {
        const uint8_t *found = memchr(from, 0xFF, (size_t)(h->file_end - from));
        if (!found || found + 1 >= h->file_end) return 0;
        size_t count = (size_t)(found - from);
        memcpy(to, from, count);
        to += count;
        if (found[1] != 0) {
            h->marker = found;
            break;
        }
        *to++ = 0xFF;
        from = found + 2;
    }
    h->position = h->segment;
    h->segment_end = to;
    h->bits = 0;
    h->count = 0;
    memset(h->last_dc, 0, sizeof h->last_dc);
    return 1;
}

// Whole bytes of the segment that were not used; negative where more was used than there is.
static int64_t bytes_left(const pupil_huffman *h) {
    int64_t bits = 8 * (int64_t)(h->segment_end - h->position) + h->count;
    return bits < 0 ? -1 : bits / 8;
}

pupil_huffman *pupil_huffman_new(j_decompress_ptr codec) {
    if (codec->progressive_mode || codec->arith_code || codec->data_precision != 8 || codec->unread_marker ||
        codec->comps_in_scan != codec->num_components)
        return NULL;
    pupil_huffman *h = malloc(sizeof *h);
    if (!h) return NULL;
    h->file_end = codec->src->next_input_byte + codec->src->bytes_in_buffer;
    // What lies behind a segment is read, and decides nothing: it need only be there.
    h->segment = calloc(codec->src->bytes_in_buffer + SLACK, 1);
    int fits = h->segment != NULL, filled_dc = 0, filled_ac = 0;
    for (int i = 0; fits && i < codec->comps_in_scan; i++) {
        int dc = codec->cur_comp_info[i]->dc_tbl_no, ac = codec->cur_comp_info[i]->ac_tbl_no;
        fits = dc >= 0 && dc < NUM_HUFF_TBLS && ac >= 0 && ac < NUM_HUFF_TBLS;
        if (fits && !(filled_dc >> dc & 1)) fits = fill(&h->dc[dc], codec->dc_huff_tbl_ptrs[dc], 1);
        if (fits && !(filled_ac >> ac & 1)) {
            fits = fill(&h->ac[ac], codec->ac_huff_tbl_ptrs[ac], 0);
            if (fits) pair_up(&h->ac[ac], h->pairs[ac]);
        }
        if (fits) (void)(filled_dc |= 1 << dc, filled_ac |= 1 << ac);
    }
    if (!fits || !next_segment(h, codec->src->next_input_byte)) {
        pupil_huffman_free(h);
        return NULL;
    }
    h->left = (int64_t)codec->MCUs_per_row * codec->MCU_rows_in_scan;
    h->to_restart = codec->restart_interval;
    h->next_restart = 0;
    return h;
}

void pupil_huffman_free(pupil_huffman *h) {
    if (!h) return;
    free(h->segment);
    free(h);
}

// 56 bits at hand, or more.
#define REFILL                                      \
    do {                                            \
        uint64_t word;                              \
        memcpy(&word, position, 8);                 \
        bits |= BIG_ENDIAN_64(word) >> count;       \
        position += (63 - count) >> 3;              \
        count |= 56;                                \
    } while (0)
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define BIG_ENDIAN_64(word) __builtin_bswap64(word)
#else
#define BIG_ENDIAN_64(word) (word)
#endif
// The mask costs nothing: shifts take the lowest six bits.
#define USE(n) (bits <<= (n) & 63, count -= (int)((n) & 63))

// The symbol that begins `bits`, and in `used` the bits of its code; negative where it is no code.
static inline int symbol_of(const pupil_huffman_table *table, uint64_t bits, int *used) {
    uint32_t entry = table->look[bits >> (64 - PUPIL_LOOK)];
    if (entry && !(entry & 0xFF)) {
        *used = (int)(entry >> 8 & 0xFF);
        return (int)(entry >> 16);
    }
    uint32_t next = (uint32_t)(bits >> 48);
    int length = 1;
    while (length <= 16 && next >= table->end[length]) length++;
    if (length > 16) return -1;
    *used = length;
    return table->symbols[(int32_t)(next >> (16 - length)) + table->offset[length]];
}

#if defined(__x86_64__)
// Whose shifts leave the flags alone.
__attribute__((target_clones("bmi2", "default")))
#endif
int pupil_huffman_mcu(pupil_huffman *h, j_decompress_ptr codec, JBLOCKROW *blocks) {
    if (codec->restart_interval) {
        if (h->to_restart == 0) {
            if (bytes_left(h) != 0 || h->marker[1] != JPEG_RST0 + h->next_restart) return 0;
            if (!next_segment(h, h->marker + 2)) return 0;
            h->next_restart = (h->next_restart + 1) & 7;
            h->to_restart = codec->restart_interval;
        }
        h->to_restart--;
    }
    const uint8_t *position = h->position;
    uint64_t bits = h->bits;
    int count = h->count;
    for (int i = 0; i < codec->blocks_in_MCU; i++) {
        int component = codec->MCU_membership[i], used, symbol;
        const jpeg_component_info *info = codec->cur_comp_info[component];
        JCOEF *block = *blocks[i];

        const pupil_huffman_table *table = &h->dc[info->dc_tbl_no];
        REFILL;
        uint32_t entry = table->look[bits >> (64 - PUPIL_LOOK)];
        int number = (int16_t)(entry >> 16);
        if (entry & 0xFF) {
            USE(entry);
        } else {
            if ((symbol = symbol_of(table, bits, &used)) < 0) return 0;
            USE(used);
            number = symbol ? number_of((uint32_t)(bits >> (64 - symbol)), symbol) : 0;
            USE(symbol);
        }
        // Of damaged data the sum may pass an int's end.
        h->last_dc[component] = (int)((unsigned)h->last_dc[component] + (unsigned)number);
        block[0] = (JCOEF)h->last_dc[component];

        table = &h->ac[info->ac_tbl_no];
        const uint64_t *pairs = h->pairs[info->ac_tbl_no];
        uint64_t pair;
        unsigned place = 1;
#define NEXT                                                                        \
    pair = pairs[bits >> (64 - PUPIL_LOOK)];                                        \
    if (!pair || place + (pair >> 16 & 0xFF) >= DCTSIZE2 - 1) goto by_itself;       \
    USE(pair);                                                                      \
    block[order[place + (pair >> 24 & 0xFF)]] = (JCOEF)(pair >> 48);                \
    block[order[place + (pair >> 16 & 0xFF)]] = (JCOEF)(pair >> 32);                \
    place += pair >> 8 & 0xFF;                                                      \
    if (place >= DCTSIZE2) break
        for (;;) {
            REFILL;
            // Each uses PUPIL_LOOK bits at most.
            NEXT;
            NEXT;
            NEXT;
            NEXT;
            NEXT;
            continue;
        by_itself:
            // A symbol longer than the look, or one that fills the block, behind which nothing is of this table.
            REFILL;
            if ((symbol = symbol_of(table, bits, &used)) < 0) return 0;
            USE(used);
            place += (unsigned)zeros_of(symbol);
            int size = symbol & 15;
            block[order[place]] = size ? (JCOEF)number_of((uint32_t)(bits >> (64 - size)), size) : 0;
            USE(size);
            if (++place >= DCTSIZE2) break;
        }
        // A full block or an end of it; else the data is damaged.
        if (place != DCTSIZE2 && place <= END_OF_BLOCK) return 0;
    }
    h->position = position;
    h->bits = bits;
    h->count = count;
    if (bytes_left(h) < 0) return 0;
    if (--h->left == 0) {
        if (bytes_left(h) != 0) return 0;
        // FF FF 00 is a byte of data to libjpeg, which it may or may not have taken by now.
        const uint8_t *code = h->marker + 1;
        while (code < h->file_end && *code == 0xFF) code++;
        if (code == h->file_end || *code == 0) return 0;
        codec->src->next_input_byte = h->marker;
        codec->src->bytes_in_buffer = (size_t)(h->file_end - h->marker);
    }
    return 1;
}
