//! A shared, immutable string of bytes that is erased when the last reference goes.

use std::borrow::Borrow;
use std::ops::Deref;
use std::rc::Rc;

use zeroize::Zeroize;

use crate::meter;

/// What a string costs beside its bytes.
const OVERHEAD: usize = 48;

/// A Go string: bytes, usually but not always UTF-8.
#[derive(Clone)]
pub(crate) struct Str(Rc<Buffer>);

struct Buffer(Vec<u8>);

impl Drop for Buffer {
    fn drop(&mut self) {
        meter::release(self.0.capacity() + OVERHEAD);
        self.0.zeroize();
    }
}

impl Str {
    pub(crate) fn from_vec(mut bytes: Vec<u8>) -> Self {
        if bytes.capacity() > bytes.len() + bytes.len() / 2 + 16 {
            bytes = replace(bytes);
        }
        meter::hold(bytes.capacity() + OVERHEAD);
        Self(Rc::new(Buffer(bytes)))
    }
}

/// Moves the bytes to a buffer of their size and erases the old one.
fn replace(mut bytes: Vec<u8>) -> Vec<u8> {
    let exact = bytes.as_slice().to_vec();
    bytes.zeroize();
    exact
}

impl Deref for Str {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0.0
    }
}

impl Borrow<[u8]> for Str {
    fn borrow(&self) -> &[u8] {
        self
    }
}

impl PartialEq for Str {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Str {}

impl PartialOrd for Str {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Str {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (**self).cmp(&**other)
    }
}

impl From<Vec<u8>> for Str {
    fn from(bytes: Vec<u8>) -> Self {
        Self::from_vec(bytes)
    }
}

impl From<String> for Str {
    fn from(text: String) -> Self {
        Self::from_vec(text.into_bytes())
    }
}

impl From<&[u8]> for Str {
    fn from(bytes: &[u8]) -> Self {
        Self::from_vec(bytes.to_vec())
    }
}

impl From<&str> for Str {
    fn from(text: &str) -> Self {
        Self::from_vec(text.as_bytes().to_vec())
    }
}
