/// A bitmap font of 5 by 7 pixels for printable ASCII, drawn for this project.
enum Font {
    static let width = 5
    static let height = 7
    /// From one character to the next.
    static let advance = 6

    /// Whether pixel (x, y) of a character is ink; characters outside the font show as "?".
    static func ink(_ character: UInt8, x: Int, y: Int) -> Bool {
        let index = (32...126).contains(character) ? Int(character) - 32 : 31
        return glyphs[index] >> UInt64(34 - (y * 5 + x)) & 1 == 1
    }

    /// 35 bits a glyph, row by row from the top, the first pixel in the highest bit.
    private static let glyphs: [UInt64] = [
        0x000000000, 0x108421004, 0x294a00000, 0x295f57d4a, 0x11f4717c4,  // space ! " # $
        0x672222273, 0x32544564d, 0x108800000, 0x088842082, 0x208210888,  // % & ' ( )
        0x009575480, 0x0084f9080, 0x000001888, 0x0000f8000, 0x00000018c,  // * + , - .
        0x042222210, 0x3a33ae62e, 0x11842108e, 0x3a211111f, 0x7c441062e,  // / 0 1 2 3
        0x08ca97c42, 0x7e1e0862e, 0x1910f462e, 0x7c2222108, 0x3a317462e,  // 4 5 6 7 8
        0x3a317844c, 0x018c03180, 0x018c03088, 0x088882082, 0x001f07c00,  // 9 : ; < =
        0x208208888, 0x3a2111004, 0x3a37ade0e, 0x3a31fc631, 0x7a31f463e,  // > ? @ A B
        0x3a308422e, 0x7a318c63e, 0x7e10f421f, 0x7e10f4210, 0x3a30bc62f,  // C D E F G
        0x4631fc631, 0x38842108e, 0x1c4210a4c, 0x4654c5251, 0x42108421f,  // H I J K L
        0x4775ac631, 0x4639ace31, 0x3a318c62e, 0x7a31f4210, 0x3a318d64d,  // M N O P Q
        0x7a31f5251, 0x3e107043e, 0x7c8421084, 0x46318c62e, 0x46318c544,  // R S T U V
        0x4631ad771, 0x462a22a31, 0x462a21084, 0x7c222221f, 0x39084210e,  // W X Y Z [
        0x420820821, 0x38421084e, 0x115100000, 0x00000001f, 0x208200000,  // \ ] ^ _ `
        0x000e0be2f, 0x421e8c63e, 0x000e8422e, 0x042f8c62f, 0x000e8fe0e,  // a b c d e
        0x1928e2108, 0x000f8bc2e, 0x4216cc631, 0x100c2108e, 0x080610a4c,  // f g h i j
        0x4212a6292, 0x30842108e, 0x001aad6b5, 0x0016cc631, 0x000e8c62e,  // k l m n o
        0x001e8fa10, 0x000f8bc21, 0x0016cc210, 0x000f8383e, 0x211c42126,  // p q r s t
        0x00118c66d, 0x00118c544, 0x00118d6aa, 0x001151151, 0x00118bc2e,  // u v w x y
        0x001f1111f, 0x0c8441083, 0x108421084, 0x608411098, 0x0008a8800,  // z { | } ~
    ]
}
