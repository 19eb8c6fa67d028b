@main struct Pupil { static func main() {} }
