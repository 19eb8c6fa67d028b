extension Rule {
    /// What to do about a finding of this rule.
    public var advice: String {
        switch self {
        case .fileUnreadable: "export the file anew; the place says where reading stopped"
        case .itemMalformed: "repair the item, or let --fix leave it out"
        case .columnUnknown: "nothing to do: the column is not read"
        case .rowLeftOut: "nothing to do: such rows are no boxes"
        case .classCountDiffers: "make nc and names agree"
        case .boxNotRelative: "divide by the width and height of the picture: YOLO's numbers are fractions"
        case .boxFromPolygon: "nothing to do: the box around the polygon is taken"
        case .labelWithoutImage: "remove the label file, or bring the picture back"
        case .imageIDTwice: "give each image an id of its own"
        case .imageNameTwice: "list each picture once, with all its boxes"
        case .imageNameOutside: "write names relative to the folder of pictures"
        case .annotationIDTwice: "give each annotation an id of its own"
        case .annotationWithoutImage: "the annotation belongs to a picture that was removed: remove it too (--fix does)"
        case .annotationWithoutClass: "add the class to the list of classes, or remove the annotation"
        case .classIDTwice: "give each class an id of its own"
        case .classNameTwice: "merge the two classes, or rename one"
        case .classWithoutObject: "label some, take more pictures (--labels), or drop the class"
        case .classesDiffer: "write all sets with one list of classes, in one order"
        case .boxNotFinite: "the exporter wrote a number that is none; export anew"
        case .boxEmpty: "draw the box anew, or let --fix leave it out"
        case .boxOutside: "the box belongs to another picture, or the picture was resized after labelling"
        case .boxClipped: "nothing to do: the part outside is cut off while reading"
        case .boxCorners: "convert the boxes to [x, y, width, height] (--fix does)"
        case .boxTwice: "remove one of the two (--fix does): it counts as an object that is never found"
        case .boxTiny: "look at the picture: usually a slip of the mouse"
        case .imageMissing: "say where the pictures lie (--images), or remove them from the list (--fix does)"
        case .imageUnreadable: "replace the file or convert it to JPEG, PNG or WebP; --fix leaves the picture out"
        case .imageDamaged: "nothing to do if the picture looks right: all its rows are there"
        case .imageSizeDiffers:
            "the picture was resized or exchanged after labelling: export the annotations anew; --fix leaves it out"
        case .imageTurned: "label the picture upright, as every viewer shows it, or remove its EXIF orientation"
        case .imageWithoutLabel: "fine if the picture shows no object; else label it, or it teaches that there is none"
        case .imageUnlisted: "label it, or give it as unlabelled (--unlabelled)"
        case .imageTwice: "keep one of the copies, or their objects weigh double"
        case .imageAlike: "keep one of the copies if they were made from one picture"
        case .setsShareImage, .setsShareAlike: "take the picture out of one of the sets: numbers measured on it flatter"
        case .anchorsMiss: "train at a larger --size, or choose a model with smaller anchors"
        }
    }
}
