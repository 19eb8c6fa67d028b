#include "CYAML.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>

struct pupil_yaml {
    yaml_parser_t parser;
    yaml_event_t event;
    bool held;  // event holds memory of the last call
};

pupil_yaml *pupil_yaml_new(const unsigned char *bytes, size_t count) {
    pupil_yaml *self = calloc(1, sizeof *self);
    if (!self) return NULL;
    if (!yaml_parser_initialize(&self->parser)) {
        free(self);
        return NULL;
    }
    yaml_parser_set_encoding(&self->parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&self->parser, bytes, count);
    return self;
}

static void place(pupil_yaml_event *event, yaml_mark_t mark) {
    event->line = mark.line + 1;
    event->column = mark.column + 1;
}

static const char *text_of(const yaml_char_t *text) { return (const char *)text; }

void pupil_yaml_next(pupil_yaml *self, pupil_yaml_event *out) {
    memset(out, 0, sizeof *out);
    for (;;) {
        if (self->held) yaml_event_delete(&self->event);
        self->held = false;
        if (!yaml_parser_parse(&self->parser, &self->event)) {
            out->kind = PUPIL_YAML_ERROR;
            out->text = self->parser.problem ? self->parser.problem : "not YAML";
            out->length = strlen(out->text);
            // A fault of the reader (bytes that are no text) has no mark of its own: the place reached stands for it.
            place(out, self->parser.error == YAML_READER_ERROR ? self->parser.mark : self->parser.problem_mark);
            return;
        }
        self->held = true;
        const yaml_event_t *event = &self->event;
        place(out, event->start_mark);
        switch (event->type) {
        case YAML_DOCUMENT_START_EVENT: out->kind = PUPIL_YAML_DOCUMENT; return;
        case YAML_STREAM_END_EVENT: out->kind = PUPIL_YAML_STREAM_END; return;
        case YAML_ALIAS_EVENT:
            out->kind = PUPIL_YAML_ALIAS;
            out->text = text_of(event->data.alias.anchor);
            out->length = strlen(out->text);
            return;
        case YAML_SCALAR_EVENT:
            out->kind = PUPIL_YAML_SCALAR;
            out->text = text_of(event->data.scalar.value);
            out->length = event->data.scalar.length;
            out->plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
            out->anchor = event->data.scalar.anchor != NULL;
            out->tag = text_of(event->data.scalar.tag);
            return;
        case YAML_SEQUENCE_START_EVENT:
            out->kind = PUPIL_YAML_LIST;
            out->anchor = event->data.sequence_start.anchor != NULL;
            out->tag = text_of(event->data.sequence_start.tag);
            return;
        case YAML_SEQUENCE_END_EVENT: out->kind = PUPIL_YAML_LIST_END; return;
        case YAML_MAPPING_START_EVENT:
            out->kind = PUPIL_YAML_MAPPING;
            out->anchor = event->data.mapping_start.anchor != NULL;
            out->tag = text_of(event->data.mapping_start.tag);
            return;
        case YAML_MAPPING_END_EVENT: out->kind = PUPIL_YAML_MAPPING_END; return;
        default: break;  // the start of the stream and the end of a document say nothing
        }
    }
}

void pupil_yaml_free(pupil_yaml *self) {
    if (self->held) yaml_event_delete(&self->event);
    yaml_parser_delete(&self->parser);
    free(self);
}
