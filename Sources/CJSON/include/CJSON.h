// Reading COCO files of hundreds of MB: a cutter that cuts a file into windows of whole items, and a parser (simdjson's
// On-Demand) that brings a window's items into plain records.
//
// The fast path only ever says "this is so" or "look at it yourself": an item in which anything is unexpected is
// marked odd, with its place in the window, and a fault of syntax is told as such and not described. Messages are made
// in Swift, by one parser. No exception leaves a function.
#ifndef CJSON_H
#define CJSON_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// How a call ends.
typedef enum {
    CJSON_DONE = 0,       // the file has no further window; the window was parsed
    CJSON_WINDOW = 1,     // here is a window
    CJSON_FAULT = 2,      // this is no JSON, or the parser and the cutter disagree about it
    CJSON_UNREADABLE = 3, // errno says why
    CJSON_TOO_LARGE = 4,  // one item is larger than a window may become (1 GiB)
    CJSON_NO_MEMORY = 5,
} cjson_status;

/// What the root of a file is.
typedef enum { CJSON_ROOT_UNKNOWN, CJSON_ROOT_OBJECT, CJSON_ROOT_LIST } cjson_root;

/// Where items of a window stand.
typedef enum {
    CJSON_OTHER,       // in a list, or as a value, that is not ours
    CJSON_IMAGES,      // in the list "images" of the root object
    CJSON_ANNOTATIONS, // "annotations"
    CJSON_CATEGORIES,  // "categories"
    CJSON_ENTRIES,     // in a list that is the root
} cjson_role;

/// Whole items, as the text of a JSON list.
typedef struct {
    uint8_t *bytes;   // "[item, item]" and padding; grown by `cjson_next`, freed by `cjson_window_free`
    size_t length;    // with the brackets
    size_t capacity;  // with the padding
    int64_t offset;   // of bytes[0] in the file, so that bytes[i] is the file's byte offset + i
    int64_t first;    // place of the first item in its list, from 0
    int64_t number;   // of the window, from 0
    int64_t member;   // of the root object, from 0, that the items are of; -1 in a list that is the root
    int32_t role;     // cjson_role
} cjson_window;

void cjson_window_free(cjson_window *window);

/// Cuts the file of a descriptor, from where that stands, at commas between the items of the root's lists.
typedef struct cjson_cutter cjson_cutter;

/// NULL without memory. The descriptor stays the caller's. A window ends after `target` bytes, as soon as an item does.
cjson_cutter *cjson_cutter_new(int descriptor, size_t target);
void cjson_cutter_free(cjson_cutter *cutter);
/// The next window. For one thread at a time.
cjson_status cjson_next(cjson_cutter *cutter, cjson_window *window);
cjson_root cjson_cutter_root(const cjson_cutter *cutter);
/// Members of the root object that were seen so far.
size_t cjson_member_count(const cjson_cutter *cutter);
/// The name of one, unescaped UTF-8 that ends with 0 (a name that holds a 0 ends there).
const char *cjson_member_name(const cjson_cutter *cutter, size_t index);
/// Whether its value is a list.
int cjson_member_is_list(const cjson_cutter *cutter, size_t index);

/// Bytes of a window; length 0 where there is nothing.
typedef struct {
    uint32_t start, length;
} cjson_span;

/// An item of "images".
typedef struct {
    int64_t id;
    int64_t width, height; // -1, -1 where the file has neither
    cjson_span name;       // without quotes, UTF-8, no escapes
    cjson_span item;       // where it is odd: the whole item, and nothing else is set
    int32_t odd;
} cjson_picture;

/// An item of "annotations" or of a results file.
typedef struct {
    int64_t id; // 0 where a detection has none
    int64_t image, category;
    double x, y, width, height;
    double area;             // -1 where there is none
    double score;            // NaN where there is none
    cjson_span segmentation; // its JSON text; set in odd items, too; nothing where it is null or an empty list
    cjson_span item;         // where it is odd: the whole item
    uint8_t odd, is_crowd, is_ignored;
} cjson_label;

/// What to look for.
typedef enum {
    CJSON_CHECK,      // nothing: items are only checked
    CJSON_ODD,        // each item is odd
    CJSON_PICTURES,   // id, file_name, width, height
    CJSON_LABELS,     // id, image_id, category_id, bbox, area, iscrowd, treatment, score, segmentation
    CJSON_DETECTIONS, // the same; score must be there, id need not
} cjson_kind;

/// For one thread. It keeps its memory from window to window.
typedef struct cjson_parser cjson_parser;

/// NULL without memory.
cjson_parser *cjson_parser_new(void);
void cjson_parser_free(cjson_parser *parser);
/// Parses a window. `count` is set to its number of items; records are there until the next call.
/// With CJSON_CHECK, only the odd items have records; their number is `count`. With `all_odd` every item is odd.
cjson_status cjson_parse(
    cjson_parser *parser, const cjson_window *window, cjson_kind kind, int all_odd, size_t *count);
/// The records of a window of CJSON_PICTURES.
const cjson_picture *cjson_pictures(const cjson_parser *parser);
/// The records of a window of any other kind.
const cjson_label *cjson_labels(const cjson_parser *parser);
/// The set of instructions that simdjson uses here: "haswell", "icelake", ...
const char *cjson_implementation(void);

#ifdef __cplusplus
}
#endif
#endif
