#include "CImage.h"
#include <string.h>

void pupil_turn(const uint8_t *source, int32_t width, int32_t height, int32_t orientation, uint8_t *target) {
    size_t w = (size_t)width, h = (size_t)height;
    if (orientation < 2 || orientation > 8) {
        memcpy(target, source, w * h * 3);
        return;
    }
    // Target pixel (x, y) comes from source + start + x * step_x + y * step_y, counted in pixels.
    ptrdiff_t W = (ptrdiff_t)w, H = (ptrdiff_t)h, start, step_x, step_y;
    size_t columns = orientation < 5 ? w : h, rows = orientation < 5 ? h : w;
    switch (orientation) {
    case 2: start = W - 1, step_x = -1, step_y = W; break;                  // mirrored
    case 3: start = W * H - 1, step_x = -1, step_y = -W; break;             // half a turn
    case 4: start = W * (H - 1), step_x = 1, step_y = -W; break;            // upside down, mirrored
    case 5: start = 0, step_x = W, step_y = 1; break;                       // transposed
    case 6: start = W * (H - 1), step_x = -W, step_y = 1; break;            // a quarter turn clockwise puts it right
    case 7: start = W * H - 1, step_x = -W, step_y = -1; break;             // transposed the other way
    default: start = W - 1, step_x = W, step_y = -1; break;                 // 8: a quarter turn the other way
    }
    // In tiles, so that the turned reads stay within the cache.
    enum { TILE = 32 };
    for (size_t y0 = 0; y0 < rows; y0 += TILE) {
        size_t y1 = y0 + TILE < rows ? y0 + TILE : rows;
        for (size_t x0 = 0; x0 < columns; x0 += TILE) {
            size_t x1 = x0 + TILE < columns ? x0 + TILE : columns;
            for (size_t y = y0; y < y1; y++) {
                const uint8_t *from = source + 3 * (start + (ptrdiff_t)x0 * step_x + (ptrdiff_t)y * step_y);
                uint8_t *to = target + 3 * (y * columns + x0);
                for (size_t x = x0; x < x1; x++, from += 3 * step_x, to += 3) {
                    to[0] = from[0];
                    to[1] = from[1];
                    to[2] = from[2];
                }
            }
        }
    }
}
