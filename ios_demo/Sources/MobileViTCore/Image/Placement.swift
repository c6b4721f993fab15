/// Where the pixels of an image go when it is turned upright, in pixels of the upright image.
struct Placement {
    /// Of the upright image.
    let width: Int
    let height: Int
    /// Where the upper left pixel goes.
    let first: Int
    /// What a step to the right in the image is.
    let right: Int
    /// What a step down in the image is.
    let down: Int

    /// - Parameter orientation: EXIF's, 1 to 8; any other asks for nothing, as in Pillow.
    init(width w: Int, height h: Int, orientation: Int) {
        let lying = (5...8).contains(orientation)
        width = lying ? h : w
        height = lying ? w : h
        switch orientation {
        case 2: (first, right, down) = (w - 1, -1, w)
        case 3: (first, right, down) = (w * h - 1, -1, -w)
        case 4: (first, right, down) = (w * (h - 1), 1, -w)
        case 5: (first, right, down) = (0, h, 1)
        case 6: (first, right, down) = (h - 1, h, -1)
        case 7: (first, right, down) = (w * h - 1, -h, -1)
        case 8: (first, right, down) = (h * (w - 1), -h, 1)
        default: (first, right, down) = (0, 1, w)
        }
    }
}
