#include "CXML.h"

#include <expat.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

// expat calls back while it parses; Swift asks for one event after the other. So the file is fed in pieces, and what a
// piece gives waits in a queue: memory stays small however long the file is.

// expat scans an unfinished token anew with every piece, so one of many MB would take hours: it is refused.
enum { piece = 1 << 16, longest_token = 64 * piece };

struct item {
    int kind;
    size_t text, length;  // places in `bytes`
    size_t value, value_length;
    size_t line, column;
};

struct pupil_xml {
    XML_Parser expat;
    const unsigned char *rest;
    size_t count;
    size_t depth, deepest;
    struct item *items;
    size_t next, filled, room;
    char *bytes;
    size_t used, capacity;
    size_t silent;  // bytes since the last event
    const char *problem;  // set where a handler stopped the parser
    bool finished;
};

static void stop(pupil_xml *self, const char *problem) {
    if (!self->problem) self->problem = problem;
    XML_StopParser(self->expat, XML_FALSE);
}

// The place of a copy of `text` in `bytes`.
static size_t keep(pupil_xml *self, const char *text, size_t length) {
    if (self->used + length > self->capacity) {
        size_t capacity = (self->used + length) * 2;
        char *bytes = realloc(self->bytes, capacity);
        if (!bytes) {
            stop(self, "out of memory");
            return 0;
        }
        self->bytes = bytes;
        self->capacity = capacity;
    }
    if (length) memcpy(self->bytes + self->used, text, length);
    self->used += length;
    return self->used - length;
}

static struct item *push(pupil_xml *self, int kind, const char *text, size_t length) {
    if (self->problem) return NULL;
    if (self->filled == self->room) {
        size_t room = self->room ? self->room * 2 : 256;
        struct item *items = realloc(self->items, room * sizeof *items);
        if (!items) {
            stop(self, "out of memory");
            return NULL;
        }
        self->items = items;
        self->room = room;
    }
    size_t place = keep(self, text, length);
    if (self->problem) return NULL;
    struct item *item = &self->items[self->filled++];
    *item = (struct item){
        .kind = kind,
        .text = place,
        .length = length,
        .line = XML_GetCurrentLineNumber(self->expat),
        .column = XML_GetCurrentColumnNumber(self->expat) + 1,
    };
    return item;
}

static void on_start(void *user, const XML_Char *name, const XML_Char **attributes) {
    pupil_xml *self = user;
    if (++self->depth > self->deepest) {
        stop(self, "the elements are nested too deeply");
        return;
    }
    push(self, PUPIL_XML_ELEMENT, name, strlen(name));
    for (; attributes[0]; attributes += 2) {
        struct item *item = push(self, PUPIL_XML_ATTRIBUTE, attributes[0], strlen(attributes[0]));
        if (!item) return;
        size_t length = strlen(attributes[1]);
        item->value = keep(self, attributes[1], length);
        item->value_length = length;
    }
}

static void on_end(void *user, const XML_Char *name) {
    (void)name;
    pupil_xml *self = user;
    self->depth--;
    push(self, PUPIL_XML_ELEMENT_END, NULL, 0);
}

static void on_text(void *user, const XML_Char *text, int length) {
    pupil_xml *self = user;
    // Between elements there is mostly space, which nobody asks for.
    bool blank = true;
    for (int i = 0; i < length && blank; i++) blank = text[i] == ' ' || (text[i] >= '\t' && text[i] <= '\r');
    if (blank && self->filled && self->items[self->filled - 1].kind != PUPIL_XML_TEXT) return;
    push(self, PUPIL_XML_TEXT, text, (size_t)length);
}

static void on_doctype(void *user, const XML_Char *name, const XML_Char *system, const XML_Char *public, int inside) {
    (void)name, (void)system, (void)public, (void)inside;
    stop(user, "a document type declaration (<!DOCTYPE ...>) is not read");
}

pupil_xml *pupil_xml_new(const unsigned char *bytes, size_t count, size_t deepest) {
    pupil_xml *self = calloc(1, sizeof *self);
    if (!self) return NULL;
    self->expat = XML_ParserCreate(NULL);
    if (!self->expat) {
        free(self);
        return NULL;
    }
    self->rest = bytes;
    self->count = count;
    self->deepest = deepest;
    XML_SetUserData(self->expat, self);
    XML_SetElementHandler(self->expat, on_start, on_end);
    XML_SetCharacterDataHandler(self->expat, on_text);
    XML_SetStartDoctypeDeclHandler(self->expat, on_doctype);
    return self;
}

void pupil_xml_next(pupil_xml *self, pupil_xml_event *out) {
    memset(out, 0, sizeof *out);
    while (self->next == self->filled && !self->finished) {
        self->next = self->filled = self->used = 0;
        size_t count = self->count < piece ? self->count : piece;
        bool last = count == self->count;
        // A failure is told after the events that came before it.
        if (XML_Parse(self->expat, (const char *)self->rest, (int)count, last) != XML_STATUS_OK) {
            enum XML_Error code = XML_GetErrorCode(self->expat);
            const char *cut = "the text ends before its last element is closed";
            if (!self->problem) self->problem = code == XML_ERROR_NO_ELEMENTS ? cut : XML_ErrorString(code);
            self->finished = true;
        }
        self->rest += count;
        self->count -= count;
        self->silent = self->filled ? 0 : self->silent + count;
        if (self->silent > longest_token && !self->problem) {
            self->problem = "a tag or comment of more than 4 MB";
            self->finished = true;
        }
        if (last) self->finished = true;
    }
    if (self->next < self->filled) {
        const struct item *item = &self->items[self->next++];
        out->kind = item->kind;
        out->text = self->bytes + item->text;
        out->length = item->length;
        out->value = self->bytes + item->value;
        out->value_length = item->value_length;
        out->line = item->line;
        out->column = item->column;
        return;
    }
    out->kind = self->problem ? PUPIL_XML_ERROR : PUPIL_XML_END_OF_FILE;
    out->text = self->problem ? self->problem : "";
    out->length = strlen(out->text);
    out->line = XML_GetCurrentLineNumber(self->expat);
    out->column = XML_GetCurrentColumnNumber(self->expat) + 1;
}

void pupil_xml_free(pupil_xml *self) {
    XML_ParserFree(self->expat);
    free(self->items);
    free(self->bytes);
    free(self);
}
