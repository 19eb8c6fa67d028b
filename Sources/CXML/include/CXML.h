#ifndef PUPIL_CXML_H
#define PUPIL_CXML_H

#include <stddef.h>

/// The events of expat, flat and one at a time. A document type declaration is refused, so that there are no entities
/// of a file's own: neither bombs nor files from elsewhere. Namespaces are not looked at.
typedef struct pupil_xml pupil_xml;

enum pupil_xml_kind {
    PUPIL_XML_ERROR,
    PUPIL_XML_END_OF_FILE,
    PUPIL_XML_ELEMENT,    ///< text is its name; its attributes follow
    PUPIL_XML_ATTRIBUTE,  ///< text is its name, value its value
    PUPIL_XML_TEXT,       ///< a piece of character data; one run of text can come in pieces
    PUPIL_XML_ELEMENT_END,
};

typedef struct {
    int kind;
    const char *text;  ///< UTF-8, borrowed until the next call; an error's reason
    size_t length;
    const char *value;  ///< of an attribute
    size_t value_length;
    size_t line;    ///< from 1
    size_t column;  ///< from 1
} pupil_xml_event;

/// New: a parser over bytes that must outlive it; null without memory.
pupil_xml *pupil_xml_new(const unsigned char *bytes, size_t count, size_t deepest);
/// The next event; after an error or the end of the file, no more may be asked for.
void pupil_xml_next(pupil_xml *parser, pupil_xml_event *event);
/// Stolen.
void pupil_xml_free(pupil_xml *parser);

#endif
