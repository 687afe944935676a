//! The bytes of a disk, of which copies share what neither has written since.

use std::sync::Arc;

/// As many as the store writes at a time.
const PAGE: usize = 4096;

/// Bytes that are cheap to copy: what a machine finds after a restart is mostly what was there.
#[derive(Clone, Debug, Default)]
pub(super) struct Image {
    /// The last page may reach beyond the end; what is there is zero.
    pages: Vec<Arc<[u8; PAGE]>>,
    length: usize,
}

impl Image {
    pub(super) fn len(&self) -> usize {
        self.length
    }

    /// Cuts off what is beyond `length`, or appends zeros.
    pub(super) fn resize(&mut self, length: usize) {
        if length < self.length && !length.is_multiple_of(PAGE) {
            Arc::make_mut(&mut self.pages[length / PAGE])[length % PAGE..].fill(0);
        }
        if length.div_ceil(PAGE) != self.pages.len() {
            // One page of zeros serves them all until they are written.
            let zeros = Arc::new([0; PAGE]);
            self.pages.resize(length.div_ceil(PAGE), zeros);
        }
        self.length = length;
    }

    /// Fills `out` from `start` on; `None` if the image ends before.
    pub(super) fn read(&self, start: usize, out: &mut [u8]) -> Option<()> {
        if start.checked_add(out.len())? > self.length {
            return None;
        }
        let mut place = start;
        let mut rest = out;
        while !rest.is_empty() {
            let page = &self.pages[place / PAGE][place % PAGE..];
            let count = page.len().min(rest.len());
            let (now, later) = rest.split_at_mut(count);
            now.copy_from_slice(&page[..count]);
            rest = later;
            place += count;
        }
        Some(())
    }

    /// Writes `data` from `start` on, and grows as far as is needed.
    pub(super) fn write(&mut self, start: usize, data: &[u8]) {
        let end = start + data.len();
        if end > self.length {
            self.resize(end);
        }
        let mut place = start;
        let mut rest = data;
        while !rest.is_empty() {
            let page = &mut Arc::make_mut(&mut self.pages[place / PAGE])[place % PAGE..];
            let count = page.len().min(rest.len());
            page[..count].copy_from_slice(&rest[..count]);
            rest = &rest[count..];
            place += count;
        }
    }

    /// Takes over the bytes of `other` in a range that lies within both and within one page.
    pub(super) fn copy(&mut self, other: &Image, range: std::ops::Range<usize>) {
        let page = range.start / PAGE;
        let (source, target) = (&other.pages[page], &mut self.pages[page]);
        if !Arc::ptr_eq(source, target) {
            let within = range.start % PAGE..range.end - page * PAGE;
            Arc::make_mut(target)[within.clone()].copy_from_slice(&source[within]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(image: &Image) -> Vec<u8> {
        let mut bytes = vec![0xff; image.len()];
        image.read(0, &mut bytes).unwrap();
        bytes
    }

    /// The same calls on an image and on plain bytes, copies of both included.
    #[test]
    fn an_image_is_its_bytes() {
        let mut plain: Vec<u8> = Vec::new();
        let mut image = Image::default();
        let mut older: Vec<(Vec<u8>, Image)> = Vec::new();
        let mut number: usize = 1;
        for step in 0..2000_usize {
            number = number
                .wrapping_mul(0x5851_f42d_4c95_7f2d)
                .wrapping_add(step);
            let (start, count) = (number % 20_000, (number >> 20) % 9000);
            match step % 5 {
                0 => {
                    plain.resize(start, 0);
                    image.resize(start);
                }
                1 => older.push((plain.clone(), image.clone())),
                2 if let Some((bytes, other)) = older.get(number % older.len().max(1)) => {
                    let shorter = bytes.len().min(plain.len());
                    for sector in 0..shorter / 512 {
                        let range = sector * 512..(sector + 1) * 512;
                        plain[range.clone()].copy_from_slice(&bytes[range.clone()]);
                        image.copy(other, range);
                    }
                }
                _ => {
                    let data = vec![step as u8; count];
                    plain.resize(plain.len().max(start + count), 0);
                    plain[start..start + count].copy_from_slice(&data);
                    image.write(start, &data);
                }
            }
            assert!(bytes(&image) == plain, "after step {step}");
        }
        assert!(older.iter().all(|(plain, image)| bytes(image) == *plain));
        assert_eq!(image.read(image.len(), &mut [0]), None);
        assert_eq!(image.read(usize::MAX, &mut [0]), None);
    }
}
