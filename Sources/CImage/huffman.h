#ifndef PUPIL_HUFFMAN_H
#define PUPIL_HUFFMAN_H
#include <stdint.h>
#include <stdio.h>
// jpeglib.h wants stdio.h before it.
#include <jpeglib.h>

// The Huffman codes of an ordinary JPEG (baseline, one scan), read twice as fast as libjpeg-turbo does: a look at the
// next bits gives up to two codes with the numbers behind them. All else, and whatever is odd, is left to libjpeg.

enum { PUPIL_LOOK = 10 };

typedef struct {
    // What the next bits begin with, from the low end: the bits of code and number together, 8; zeros to skip, 8; the
    // number, 16. Where the number reaches beyond the look: 0, the bits of the code, its symbol; where the code does 0.
    uint32_t look[1 << PUPIL_LOOK];
    // Of each length, left-aligned in 16 bits, where its codes end, and what brings a code to its symbol.
    uint32_t end[17];
    int32_t offset[17];
    uint8_t symbols[256];
} pupil_huffman_table;

typedef struct {
    // The scan's data without the zeros behind each 0xFF, a segment between two markers at a time.
    uint8_t *segment;
    const uint8_t *segment_end;
    const uint8_t *position;
    // The bits that were taken from before `position` and are not used yet, the next one highest.
    uint64_t bits;
    int count;
    // Where in the file the segment ends: at a marker.
    const uint8_t *marker;
    const uint8_t *file_end;
    // MCUs to the end, MCUs to the next restart marker, and the number that one has.
    int64_t left;
    unsigned to_restart;
    int next_restart;
    int last_dc[MAX_COMPS_IN_SCAN];
    pupil_huffman_table dc[NUM_HUFF_TBLS], ac[NUM_HUFF_TBLS];
    // What the next bits of numbers behind the first begin with, one symbol or two, from the low end: their bits, 8;
    // what they add to the place in the block, 8; what is added to it for the first number, 8, and for the second, 8;
    // the numbers, 16 each. An end of block is a zero at the place; where there is no second one, its place is none.
    // 0 where the first reaches beyond.
    uint64_t pairs[NUM_HUFF_TBLS][1 << PUPIL_LOOK];
} pupil_huffman;

// Begins where `codec` stands after jpeg_start_decompress. NULL where the file is not of that kind or memory is short.
pupil_huffman *pupil_huffman_new(j_decompress_ptr codec);
// The blocks of an MCU, which hold zeros before. After the last one `codec` stands at the marker behind the scan. 0
// where anything is odd: then the whole picture has to be read by libjpeg.
int pupil_huffman_mcu(pupil_huffman *h, j_decompress_ptr codec, JBLOCKROW *blocks);
void pupil_huffman_free(pupil_huffman *h);

#endif
