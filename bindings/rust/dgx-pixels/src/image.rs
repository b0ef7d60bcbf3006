// SPDX-License-Identifier: MIT OR Apache-2.0
//! Pictures: 8-bit sRGB, straight alpha, R G B A, rows top-down.

use std::borrow::Borrow;
use std::ops::{Deref, DerefMut};
use std::path::Path;
use std::slice;

use crate::error::check;
use crate::{Palette, Result, bytes, c_int, c_path, c_text, handle, params, sys, text};

handle!(
    /// A picture of your own, with its text metadata.  At most 16,384 pixels a side and 2^28 in all.
    Image, dgxp_image, dgxp_image_free
);

/// A picture that something else may own.
#[repr(transparent)]
#[derive(Debug)]
pub struct ImageRef(sys::dgxp_image);

// SAFETY: `&ImageRef` calls functions on `const` handles only.
unsafe impl Sync for ImageRef {}

/// How a PNG is written; the default is indexed when 256 colours suffice, with metadata.
#[derive(Debug, Default, Clone, Copy)]
pub struct PngOptions {
    /// Nearest enlargement by whole pixels, 1..64; 0 = 1.
    pub scale: u32,
    /// Always RGBA, never an indexed PNG.
    pub truecolor: bool,
    /// Write no metadata.
    pub strip_text: bool,
}

impl Image {
    /// Transparent black.
    pub fn new(width: u32, height: u32) -> Result<Self> {
        Self::make(width, height, std::ptr::null())
    }

    /// From `width * height * 4` bytes.
    pub fn from_rgba(width: u32, height: u32, rgba: &[u8]) -> Result<Self> {
        if Some(rgba.len()) != (width as usize).checked_mul(height as usize).and_then(|n| n.checked_mul(4)) {
            return Err(crate::Error::invalid(format!(
                "{} bytes are not {width} x {height} pixels of 4",
                rgba.len()
            )));
        }
        Self::make(width, height, rgba.as_ptr())
    }

    fn make(width: u32, height: u32, rgba: *const u8) -> Result<Self> {
        let (width, height) = (c_int(width)?, c_int(height)?);
        // SAFETY: `rgba` is NULL or has as many bytes as the size says.
        Self::create(|out| unsafe { sys::dgxp_image_create(width, height, rgba, out) })
    }

    /// Read a PNG.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let path = c_path(path.as_ref())?;
        // SAFETY: a text that lives during the call.
        Self::create(|out| unsafe { sys::dgxp_image_load(path.as_ptr(), out) })
    }

    /// Read a PNG from memory.
    pub fn decode(png: &[u8]) -> Result<Self> {
        // SAFETY: the slice lives during the call.
        Self::create(|out| unsafe { sys::dgxp_image_decode(png.as_ptr().cast(), png.len(), out) })
    }
}

impl Deref for Image {
    type Target = ImageRef;
    fn deref(&self) -> &ImageRef {
        // SAFETY: the handle lives as long as `self`.
        unsafe { ImageRef::borrow(self.raw()) }
    }
}

impl DerefMut for Image {
    fn deref_mut(&mut self) -> &mut ImageRef {
        // SAFETY: as above, and `self` is borrowed alone.
        unsafe { &mut *self.raw().cast() }
    }
}

impl Borrow<ImageRef> for Image {
    fn borrow(&self) -> &ImageRef {
        self
    }
}

impl ToOwned for ImageRef {
    type Owned = Image;

    /// # Panics
    /// When memory runs out; [`ImageRef::try_clone`] says so instead.
    fn to_owned(&self) -> Image {
        self.try_clone().expect("copying an image")
    }
}

impl ImageRef {
    /// # Safety
    /// `raw` is a live image that nobody changes during `'a`.
    pub(crate) unsafe fn borrow<'a>(raw: *const sys::dgxp_image) -> &'a Self {
        // SAFETY: transparent over the opaque C type, which has no size of its own in Rust.
        unsafe { &*raw.cast() }
    }

    pub(crate) fn raw(&self) -> *const sys::dgxp_image {
        &raw const self.0
    }

    /// How it was painted, from its metadata, JSON; [`NotFound`](crate::Status::NotFound) when it does not say.
    pub fn recipe(&self) -> Result<String> {
        // SAFETY: a live handle, here and below.
        crate::document(|out| unsafe { sys::dgxp_image_recipe(self.raw(), out) })
    }

    /// Give it back the texts that deploying took out of the PNG at `path`.
    pub fn load_sidecar(&mut self, path: impl AsRef<Path>) -> Result<()> {
        let path = c_path(path.as_ref())?;
        check(unsafe { sys::dgxp_image_load_sidecar(self.raw().cast_mut(), path.as_ptr()) })
    }

    /// Aseprite's JSON with the nine parts of a panel that will be called `name`; none: it is no panel.
    pub fn panel(&self, name: &str) -> Result<Option<Vec<u8>>> {
        let name = c_text(name)?;
        let made = crate::bytes(|bytes, size| unsafe {
            sys::dgxp_panel_describe(self.raw(), name.as_ptr(), bytes, size)
        })?;
        Ok((!made.is_empty()).then_some(made))
    }

    /// Pixels.
    pub fn width(&self) -> u32 {
        // SAFETY: a live handle, here and below.
        unsafe { sys::dgxp_image_width(self.raw()) as u32 }
    }

    /// Pixels.
    pub fn height(&self) -> u32 {
        unsafe { sys::dgxp_image_height(self.raw()) as u32 }
    }

    fn len(&self) -> usize {
        self.width() as usize * self.height() as usize * 4
    }

    /// `[height, width, 4]`.
    pub fn pixels(&self) -> &[u8] {
        // SAFETY: so many bytes live as long as the image.
        unsafe { slice::from_raw_parts(sys::dgxp_image_pixels(self.raw()), self.len()) }
    }

    /// `[height, width, 4]`, to write in place.
    pub fn pixels_mut(&mut self) -> &mut [u8] {
        let raw = &raw mut self.0;
        // SAFETY: as above, and the image is borrowed alone.
        unsafe { slice::from_raw_parts_mut(sys::dgxp_image_pixels_mut(raw), self.len()) }
    }

    /// A copy of pixels and metadata.
    pub fn try_clone(&self) -> Result<Image> {
        Image::create(|out| unsafe { sys::dgxp_image_copy(self.raw(), out) })
    }

    /// The metadata under this key, as PNG carries it: "parameters", "Software" …
    pub fn text(&self, key: &str) -> Option<String> {
        let key = c_text(key).ok()?;
        let found = unsafe { sys::dgxp_image_text(self.raw(), key.as_ptr()) };
        (!found.is_null()).then(|| unsafe { text(found) })
    }

    /// All keys of the metadata.
    pub fn text_keys(&self) -> Vec<String> {
        let count = unsafe { sys::dgxp_image_text_count(self.raw()) };
        (0..count).map(|i| unsafe { text(sys::dgxp_image_text_key(self.raw(), i)) }).collect()
    }

    /// Replace a text; `None` removes it.
    pub fn set_text(&mut self, key: &str, value: Option<&str>) -> Result<()> {
        let (key, value) = (c_text(key)?, value.map(c_text).transpose()?);
        let value = value.as_ref().map_or(std::ptr::null(), |value| value.as_ptr());
        check(unsafe { sys::dgxp_image_set_text(&raw mut self.0, key.as_ptr(), value) })
    }

    /// Write a PNG, whole or not at all.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        self.save_with(path, &PngOptions::default())
    }

    /// Write a PNG, whole or not at all.
    pub fn save_with(&self, path: impl AsRef<Path>, options: &PngOptions) -> Result<()> {
        let (path, params) = (c_path(path.as_ref())?, options.params()?);
        check(unsafe { sys::dgxp_image_save(self.raw(), path.as_ptr(), &params) })
    }

    /// A PNG in memory.
    pub fn encode(&self, options: &PngOptions) -> Result<Vec<u8>> {
        let params = options.params()?;
        bytes(|out, size| unsafe { sys::dgxp_image_encode(self.raw(), &params, out, size) })
    }

    /// Every pixel becomes its nearest colour of the palette; alpha becomes 0 or 255.
    pub fn quantize(&self, palette: &Palette, dither: crate::Dither) -> Result<Image> {
        let mut params = params!(dgxp_quantize_params);
        params.dither = dither.value() as i32;
        Image::create(|out| unsafe { sys::dgxp_quantize(self.raw(), palette.raw(), &params, out) })
    }
}

impl PngOptions {
    fn params(&self) -> Result<sys::dgxp_png_params> {
        let mut params = params!(dgxp_png_params);
        params.scale = c_int(self.scale)?;
        params.truecolor = self.truecolor.into();
        params.strip_text = self.strip_text.into();
        Ok(params)
    }
}

#[cfg(feature = "image")]
impl From<&ImageRef> for ::image::RgbaImage {
    fn from(image: &ImageRef) -> Self {
        Self::from_raw(image.width(), image.height(), image.pixels().to_vec()).expect("the size fits")
    }
}

#[cfg(feature = "image")]
impl TryFrom<&::image::RgbaImage> for Image {
    type Error = crate::Error;
    fn try_from(image: &::image::RgbaImage) -> Result<Self> {
        Self::from_rgba(image.width(), image.height(), image.as_raw())
    }
}
