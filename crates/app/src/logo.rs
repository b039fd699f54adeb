//! Logos: pictures that partners upload. What is stored and served is written again from the pixels alone, so that nothing else
//! of the uploaded file reaches a customer's browser.

use domain::{Violation, code};
use image::imageops::FilterType;
use image::{DynamicImage, ImageFormat, ImageReader, Limits, RgbaImage};
use std::io::Cursor;

/// The maximum size of an uploaded picture, in bytes.
pub const MAX_BYTES: usize = 200 * 1024;
/// The maximum width and height of an uploaded picture, in pixels.
const MAX_SIDE: u32 = 2048;
/// The maximum memory for decoding, in bytes: a picture of the maximum size with 16 bits for each colour.
const MAX_MEMORY: u64 = 32 * 1024 * 1024;
/// The maximum width and height of a stored logo, in pixels: twice the size at which headers show it, for dense screens.
const STORED: (u32, u32) = (480, 96);

const PNG_SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";

/// A logo as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Picture {
    /// The bytes of a PNG.
    pub(crate) png: Vec<u8>,
    /// In pixels, at most 480.
    pub(crate) width: u32,
    /// In pixels, at most 96.
    pub(crate) height: u32,
}

/// Reads a PNG or WebP picture; of a moving one the first frame. Takes up to a second of the processor, and 64 MiB.
///
/// # Errors
/// The violation, whose pointer is `""`.
pub(crate) fn read(bytes: &[u8]) -> Result<Picture, Violation> {
    let violation = |code, message: String| Violation::new("", code, message);
    if bytes.is_empty() {
        let violation = violation(code::REQUIRED, "is required: a picture, PNG or WebP".into());
        return Err(violation.because("logo-missing", &[]));
    }
    if bytes.len() > MAX_BYTES {
        return Err(too_large());
    }
    let (format, end) = if bytes.starts_with(PNG_SIGNATURE) {
        (ImageFormat::Png, end_of_png(bytes))
    } else if bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") {
        (ImageFormat::WebP, end_of_webp(bytes))
    } else {
        let violation = violation(code::INVALID, "must be a picture of the type PNG or WebP".into());
        return Err(violation.because("logo-type", &[]));
    };
    let broken = || {
        violation(code::INVALID, "cannot be read: the picture is broken".into()).because("logo-broken", &[])
    };
    match end {
        Some(end) if end == bytes.len() => {}
        Some(end) if end < bytes.len() => {
            // Such files are something else as well: an archive, or a script behind a picture.
            let message =
                "must be a picture alone: the file goes on behind the end of its picture; save it again";
            return Err(violation(code::INVALID, message.into()).because("logo-tail", &[]));
        }
        _ => return Err(broken()),
    }
    let reader = || ImageReader::with_format(Cursor::new(bytes), format);
    // Before anything of its pixels is read.
    let (width, height) = reader().into_dimensions().map_err(|_| broken())?;
    if width > MAX_SIDE || height > MAX_SIDE {
        let message = format!("has {width} × {height} pixels, at most {MAX_SIDE} × {MAX_SIDE} are allowed");
        return Err(violation(code::TOO_LONG, message)
            .because("logo-pixels", &[("width", &width), ("height", &height), ("max", &MAX_SIDE)]));
    }
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    limits.max_alloc = Some(MAX_MEMORY);
    let mut reader = reader();
    reader.limits(limits);
    let image = reader.decode().map_err(|_| broken())?;
    let image = shrunk(image);
    let (width, height) = (image.width(), image.height());
    let mut png = Vec::new();
    image.write_to(&mut Cursor::new(&mut png), ImageFormat::Png).map_err(|_| broken())?;
    Ok(Picture { png, width, height })
}

/// The violation of a picture with more than [`MAX_BYTES`].
fn too_large() -> Violation {
    let max = MAX_BYTES / 1024;
    Violation::new("", code::TOO_LONG, format!("is larger than {max} KB"))
        .because("logo-bytes", &[("max", &max)])
}

/// Fits a picture into [`STORED`], with its proportions. A smaller one keeps its size.
fn shrunk(image: DynamicImage) -> DynamicImage {
    let (width, height) = STORED;
    let mut pixels = image.into_rgba8();
    if pixels.width() <= width && pixels.height() <= height {
        return DynamicImage::ImageRgba8(pixels);
    }
    // Transparent pixels have a colour too, which must not run into the edges beside them.
    multiply_by_alpha(&mut pixels);
    let image = DynamicImage::ImageRgba8(pixels).resize(width, height, FilterType::CatmullRom);
    let mut pixels = image.into_rgba8();
    divide_by_alpha(&mut pixels);
    DynamicImage::ImageRgba8(pixels)
}

fn multiply_by_alpha(pixels: &mut RgbaImage) {
    for pixel in pixels.pixels_mut() {
        let [colours @ .., alpha] = &mut pixel.0;
        for colour in colours {
            *colour = (u32::from(*colour) * u32::from(*alpha)).div_ceil(255).min(255) as u8;
        }
    }
}

fn divide_by_alpha(pixels: &mut RgbaImage) {
    for pixel in pixels.pixels_mut() {
        let [colours @ .., alpha] = &mut pixel.0;
        for colour in colours {
            let whole = (u32::from(*colour) * 255).checked_div(u32::from(*alpha));
            *colour = whole.unwrap_or(0).min(255) as u8;
        }
    }
}

/// The length of the PNG at the beginning: its signature, and its chunks up to `IEND` (PNG, section 5). `None` if it is cut off.
fn end_of_png(bytes: &[u8]) -> Option<usize> {
    let mut at = PNG_SIGNATURE.len();
    loop {
        let (length, kind) = (bytes.get(at..at + 4)?, bytes.get(at + 4..at + 8)?);
        let length = u32::from_be_bytes(length.try_into().ok()?) as usize;
        // Length, type and check sum are four bytes each.
        at = at.checked_add(12)?.checked_add(length)?;
        if at > bytes.len() {
            return None;
        }
        if kind == b"IEND" {
            return Some(at);
        }
    }
}

/// The length of the WebP at the beginning, as its header says it (RFC 9649, section 2.4).
fn end_of_webp(bytes: &[u8]) -> Option<usize> {
    let length = u32::from_le_bytes(bytes.get(4..8)?.try_into().ok()?) as usize;
    length.checked_add(8 + length % 2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{Rgba, RgbaImage};

    fn written(image: &RgbaImage, format: ImageFormat) -> Vec<u8> {
        let mut bytes = Vec::new();
        image.write_to(&mut Cursor::new(&mut bytes), format).unwrap();
        bytes
    }

    fn plain(width: u32, height: u32) -> RgbaImage {
        RgbaImage::from_pixel(width, height, Rgba([200, 30, 30, 255]))
    }

    /// A chunk of a PNG.
    fn chunk(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
        let mut checked = kind.to_vec();
        checked.extend(data);
        let mut bytes = u32::try_from(data.len()).unwrap().to_be_bytes().to_vec();
        bytes.extend(&checked);
        bytes.extend(crc32fast::hash(&checked).to_be_bytes());
        bytes
    }

    /// A PNG that says that it has this size, with hardly any data.
    fn announced(width: u32, height: u32) -> Vec<u8> {
        let mut head = [width.to_be_bytes(), height.to_be_bytes()].concat();
        head.extend([8, 6, 0, 0, 0]);
        [PNG_SIGNATURE.to_vec(), chunk(b"IHDR", &head), chunk(b"IDAT", &[0x78, 0x9c]), chunk(b"IEND", &[])]
            .concat()
    }

    #[test]
    fn pictures_are_written_again() {
        for format in [ImageFormat::Png, ImageFormat::WebP] {
            for ((width, height), expected) in [
                ((100, 40), (100, 40)),
                ((480, 96), (480, 96)),
                ((2048, 2048), (96, 96)),
                ((1000, 100), (480, 48)),
                ((1, 1), (1, 1)),
                ((2048, 1), (480, 1)),
            ] {
                let read = read(&written(&plain(width, height), format)).unwrap();
                assert_eq!((read.width, read.height), expected, "{format:?} {width} × {height}");
                let again = image::load_from_memory_with_format(&read.png, ImageFormat::Png).unwrap();
                assert_eq!((again.width(), again.height()), expected);
                assert_eq!(again.into_rgba8().get_pixel(0, 0).0, [200, 30, 30, 255]);
            }
        }
    }

    #[test]
    fn nothing_but_the_pixels_is_kept() {
        let mut bytes = written(&plain(20, 20), ImageFormat::Png);
        let text = chunk(b"tEXt", b"Comment\0<script>alert(1)</script>");
        bytes.splice(33..33, text); // behind the header
        let read = read(&bytes).unwrap();
        assert!(bytes.windows(8).any(|part| part == b"<script>"), "the control");
        assert!(!read.png.windows(8).any(|part| part == b"<script>"));
    }

    #[test]
    fn edges_keep_their_colour() {
        // White on transparent black: edges that become darker would be seen on a white header.
        let image = RgbaImage::from_fn(1000, 400, |x, _| {
            if x % 100 < 50 { Rgba([255, 255, 255, 255]) } else { Rgba([0, 0, 0, 0]) }
        });
        let read = read(&written(&image, ImageFormat::Png)).unwrap();
        let again = image::load_from_memory(&read.png).unwrap().into_rgba8();
        let darkest = again.pixels().filter(|pixel| pixel.0[3] > 30).map(|pixel| pixel.0[0]).min();
        assert!(darkest > Some(240), "{darkest:?}");
    }

    #[test]
    fn everything_else_is_refused() {
        let good = written(&plain(20, 20), ImageFormat::Png);
        let webp = written(&plain(20, 20), ImageFormat::WebP);
        let with = |tail: &[u8], bytes: &[u8]| [bytes, tail].concat();
        let damaged = |at: usize| {
            let mut bytes = good.clone();
            bytes[at] ^= 0xff;
            bytes
        };
        let svg = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>".to_vec();
        for (what, bytes, expected) in [
            ("nothing", Vec::new(), "is required"),
            ("an SVG", svg, "must be a picture of the type PNG or WebP"),
            ("a GIF", b"GIF89a\x01\0\x01\0\0\0\0;".to_vec(), "must be a picture of the type PNG or WebP"),
            ("a script", b"#!/bin/sh\n".to_vec(), "must be a picture of the type PNG or WebP"),
            ("the signature alone", PNG_SIGNATURE.to_vec(), "cannot be read"),
            ("half of one", good[..good.len() / 2].to_vec(), "cannot be read"),
            ("half a WebP", webp[..webp.len() / 2].to_vec(), "cannot be read"),
            ("a wrong check sum", damaged(30), "cannot be read"),
            ("an archive behind it", with(b"PK\x03\x04", &good), "goes on behind the end"),
            ("a script behind it", with(b"<script>", &webp), "goes on behind the end"),
            ("too many pixels", announced(2049, 16), "has 2049 × 16 pixels"),
            ("a decompression bomb", announced(50_000, 50_000), "has 50000 × 50000 pixels"),
            ("the largest number of pixels", announced(u32::MAX >> 1, u32::MAX >> 1), "cannot be read"),
            ("fewer data than pixels", announced(2048, 2048), "cannot be read"),
            ("no pixels", announced(0, 0), "cannot be read"),
            ("too many bytes", vec![0; MAX_BYTES + 1], "is larger than 200 KB"),
        ] {
            let message = read(&bytes).err().map(|violation| violation.message);
            let message = message.unwrap_or_else(|| panic!("{what} is taken"));
            assert!(message.contains(expected), "{what}: {message}");
        }
        assert!(read(&good).is_ok() && read(&webp).is_ok(), "the controls");
    }
}
