#ifndef PUPIL_CYAML_H
#define PUPIL_CYAML_H

#include <stdbool.h>
#include <stddef.h>

/// The events of libyaml, flat, so that Swift sees neither unions nor libyaml's header.
typedef struct pupil_yaml pupil_yaml;

enum pupil_yaml_kind {
    PUPIL_YAML_ERROR,
    PUPIL_YAML_STREAM_END,
    PUPIL_YAML_DOCUMENT,
    PUPIL_YAML_SCALAR,
    PUPIL_YAML_ALIAS,
    PUPIL_YAML_LIST,
    PUPIL_YAML_LIST_END,
    PUPIL_YAML_MAPPING,
    PUPIL_YAML_MAPPING_END,
};

typedef struct {
    int kind;
    const char *text;  ///< a scalar's text, an alias's name or an error's problem; borrowed until the next call
    size_t length;
    bool plain;        ///< a scalar without quotes
    bool anchor;       ///< carries an anchor
    const char *tag;   ///< an explicit tag, or null
    size_t line;       ///< from 1
    size_t column;     ///< from 1
} pupil_yaml_event;

/// New: a parser over UTF-8 bytes that must outlive it; null without memory.
pupil_yaml *pupil_yaml_new(const unsigned char *bytes, size_t count);
/// The next event; after an error or the end of the stream, no more may be asked for.
void pupil_yaml_next(pupil_yaml *parser, pupil_yaml_event *event);
/// Stolen.
void pupil_yaml_free(pupil_yaml *parser);

#endif
