/// What can be wrong with data. The raw value is the rule's id: stable, shown by `pupil check` and in its JSON.
public enum Rule: String, CaseIterable, Sendable {
    // A file or an item of it that says nothing usable.
    case fileUnreadable = "file-unreadable"
    case itemMalformed = "item-malformed"
    case valueMalformed = "value-malformed"
    case columnUnknown = "column-unknown"
    case rowLeftOut = "row-left-out"
    case shapeLeftOut = "shape-left-out"
    // Items held against each other.
    case imageIDTwice = "image-id-twice"
    case imageNameTwice = "image-name-twice"
    case imageNameOutside = "image-name-outside"
    case annotationIDTwice = "annotation-id-twice"
    case annotationWithoutImage = "annotation-without-image"
    case annotationWithoutClass = "annotation-without-class"
    case classIDTwice = "class-id-twice"
    case classNameTwice = "class-name-twice"
    case classCountDiffers = "class-count-differs"
    case classNamesAlike = "class-names-alike"
    case classWithoutObject = "class-without-object"
    case classesDiffer = "classes-differ"
    // Boxes.
    case boxNotFinite = "box-not-finite"
    case boxEmpty = "box-empty"
    case boxOutside = "box-outside"
    case boxClipped = "box-clipped"
    case boxCorners = "box-corners"
    case boxReversed = "box-reversed"
    case boxFractions = "box-fractions"
    case boxesStickOut = "boxes-stick-out"
    case boxNotRelative = "box-not-relative"
    case boxFromPolygon = "box-from-polygon"
    case boxTwice = "box-twice"
    case boxTiny = "box-tiny"
    case boxArea = "box-area"
    // Masks.
    case maskMissing = "mask-missing"
    case maskUnreadable = "mask-unreadable"
    case maskValue = "mask-value"
    case maskBinary = "mask-binary"
    case maskSizeDiffers = "mask-size-differs"
    case maskTurned = "mask-turned"
    case maskEmpty = "mask-empty"
    // Pictures.
    case imageMissing = "image-missing"
    case imageUnreadable = "image-unreadable"
    case poolImageUnreadable = "pool-image-unreadable"
    case imageDamaged = "image-damaged"
    case imageSizeDiffers = "image-size-differs"
    case imageTurned = "image-turned"
    case imageWithoutLabel = "image-without-label"
    case imageUnlisted = "image-unlisted"
    case labelWithoutImage = "label-without-image"
    case imageTwice = "image-twice"
    case imageAlike = "image-alike"
    // Sets held against each other, and against a model.
    case setsShareImage = "sets-share-image"
    case setsShareAlike = "sets-share-alike"
    case anchorsMiss = "anchors-miss"

    /// How much a finding weighs.
    public enum Severity: String, Sendable, Comparable {
        /// Worth knowing.
        case note
        /// Training goes on; its result may mislead.
        case warning
        /// Training does not begin.
        case error

        /// A note weighs least.
        public static func < (a: Severity, b: Severity) -> Bool { a.weight < b.weight }
        private var weight: Int { self == .note ? 0 : self == .warning ? 1 : 2 }
    }

    /// What a mended copy of the set makes of a finding that its reader had.
    public enum Mending: Sendable, Equatable {
        /// What has it stays.
        case stays
        /// What has it was left out while reading.
        case leftOut
        /// It was put right while reading, in this way; without words the finding itself says how.
        case repaired(String = "")
        /// `Dataset.mended` puts it right, and says so.
        case later
    }

    /// How much a finding of this rule weighs.
    public var severity: Severity { entry.severity }
    /// What mending makes of what has it.
    public var mending: Mending { entry.mending }
    /// What to do about a finding of this rule.
    public var advice: String { entry.advice }

    private var entry: (severity: Severity, mending: Mending, advice: String) {
        switch self {
        case .fileUnreadable: (.error, .leftOut, "export the file anew; the place says where reading stopped")
        case .itemMalformed: (.error, .leftOut, "repair the item, or let --fix leave it out")
        case .valueMalformed:
            (.error, .repaired("kept in spite of it"), "repair the value, or let --fix do without it; the item stays")
        case .columnUnknown: (.note, .stays, "nothing to do: the column is not read")
        case .rowLeftOut: (.note, .stays, "nothing to do: such rows are no boxes")
        case .shapeLeftOut:
            (.warning, .leftOut, "draw a box around it if it is an object: without one it counts as background")
        case .imageIDTwice: (.error, .leftOut, "give each image an id of its own")
        case .imageNameTwice:
            (.error, .repaired("made one picture of two"), "list each picture once, with all its boxes")
        case .imageNameOutside: (.error, .leftOut, "write names relative to the folder of pictures")
        case .annotationIDTwice: (.error, .later, "give each annotation an id of its own")
        case .annotationWithoutImage:
            (.error, .leftOut, "the annotation belongs to a picture that was removed: remove it too (--fix does)")
        case .annotationWithoutClass:
            (.error, .leftOut, "add the class to the list of classes, or remove the annotation")
        case .classIDTwice: (.error, .leftOut, "give each class an id of its own")
        case .classNameTwice: (.error, .repaired("made one class of two"), "merge the two classes, or rename one")
        case .classCountDiffers: (.error, .leftOut, "make nc and names agree")
        case .classNamesAlike:
            (.warning, .stays, "merge the two if they are one class: as they stand, each is learned apart")
        case .classWithoutObject: (.warning, .stays, "label some, take more pictures (--labels), or drop the class")
        case .classesDiffer: (.error, .leftOut, "write all sets with one list of classes, in one order")
        case .boxNotFinite: (.error, .leftOut, "the exporter wrote a number that is none; export anew")
        case .boxEmpty: (.error, .leftOut, "draw the box anew, or let --fix leave it out")
        case .boxOutside:
            (.error, .leftOut, "the box belongs to another picture, or the picture was resized after labelling")
        case .boxClipped: (.note, .repaired(), "nothing to do: the part outside is cut off while reading")
        case .boxCorners:
            (
                .error, .repaired("took all boxes for corners"),
                "convert the boxes to [x, y, width, height] (--fix does)"
            )
        case .boxReversed: (.error, .leftOut, "write the smaller corner first, or let --fix leave the box out")
        case .boxFractions:
            (.error, .leftOut, "multiply by the width and height of the picture: COCO's boxes are pixels")
        case .boxesStickOut:
            (
                .warning, .stays,
                "look at some of them (pupil augment draws them): do the numbers mean corners, centres or sides, as the form says?"
            )
        case .boxNotRelative:
            (.error, .leftOut, "divide by the width and height of the picture: YOLO's numbers are fractions")
        case .boxFromPolygon: (.note, .repaired(), "nothing to do: the box around the polygon is taken")
        case .boxTwice:
            (.warning, .later, "remove one of the two (--fix does): it counts as an object that is never found")
        case .boxTiny: (.warning, .stays, "look at the picture: usually a slip of the mouse")
        case .boxArea:
            (
                .warning, .later,
                "write areas in pixels of this picture (--fix takes the box's): small, medium and large are told by them"
            )
        case .maskMissing: (.error, .leftOut, "paint a mask, or take the picture out of the list")
        case .maskUnreadable:
            (
                .error, .leftOut,
                "a mask is a PNG file of 8 bits: palette indices, grey values or the colours of classes"
            )
        case .maskValue: (.error, .leftOut, "say what the value means (--mask-values), or add the class to the list")
        case .maskBinary: (.error, .leftOut, "say that 255 is the second class (--mask-values 0:0,255:1)")
        case .maskSizeDiffers:
            (.error, .leftOut, "bring mask and picture to one size; resize masks without smoothing (nearest)")
        case .maskTurned:
            (
                .error, .leftOut,
                "paint the mask upright, as every viewer shows the picture, or remove its EXIF orientation"
            )
        case .maskEmpty: (.warning, .stays, "paint the mask, or give the picture as unlabelled (--unlabelled)")
        case .imageMissing:
            (.error, .leftOut, "say where the pictures lie (--images), or remove them from the list (--fix does)")
        case .imageUnreadable:
            (.error, .leftOut, "replace the file or convert it to JPEG, PNG or WebP; --fix leaves the picture out")
        case .poolImageUnreadable:
            (.warning, .stays, "nothing to do: it is passed over; replace the file if it should be labelled")
        case .imageDamaged: (.warning, .stays, "nothing to do if the picture looks right: all its rows are there")
        case .imageSizeDiffers:
            (
                .error, .leftOut,
                "the picture was resized or exchanged after labelling: export the annotations anew; --fix leaves it out"
            )
        case .imageTurned:
            (.error, .leftOut, "label the picture upright, as every viewer shows it, or remove its EXIF orientation")
        case .imageWithoutLabel:
            (.note, .stays, "fine if the picture shows no object; else label it, or it teaches that there is none")
        case .imageUnlisted:
            (
                .note, .stays,
                "label it, or give it as unlabelled (--unlabelled); not if it belongs to another part of the set, to be measured on"
            )
        case .labelWithoutImage: (.warning, .stays, "remove the label file, or bring the picture back")
        case .imageTwice: (.warning, .stays, "keep one of the copies, or their objects weigh double")
        case .imageAlike: (.warning, .stays, "keep one of the copies if they were made from one picture")
        case .setsShareImage:
            (.warning, .stays, "take the picture out of one of the sets: numbers measured on it flatter")
        case .setsShareAlike:
            (.warning, .stays, "take the picture out of one of the sets: numbers measured on it flatter")
        case .anchorsMiss: (.warning, .stays, "train at a larger --size, or choose a model with smaller anchors")
        }
    }
}
