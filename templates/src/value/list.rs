//! Go slices: a window on a shared array, with the capacity Go would have given it.

use std::rc::Rc;

use super::{Value, dismantle};
use crate::meter;

/// The type of a slice's elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Elem {
    /// `interface {}`
    Any,
    Str,
    Int,
    /// `[]interface {}`
    List,
    Byte,
}

impl Elem {
    /// Bytes of one element in Go's memory, which decides how slices grow.
    fn size(self) -> usize {
        match self {
            Self::Any | Self::Str => 16,
            Self::Int => 8,
            Self::List => 24,
            Self::Byte => 1,
        }
    }

    fn zero(self) -> Value {
        match self {
            Self::Any => Value::Nil,
            Self::Str => Value::str(""),
            Self::Int => Value::Int(0),
            Self::List => Value::List(List::nil(Self::Any)),
            Self::Byte => Value::Uint8(0),
        }
    }
}

/// A slice. Nil slices have no array.
#[derive(Clone)]
pub(crate) struct List {
    elem: Elem,
    array: Option<Rc<Array>>,
    start: u32,
    len: u32,
}

/// `items`, and the capacity beyond them that Go would have.
struct Array {
    items: Vec<Value>,
    capacity: usize,
}

const PER_ITEM: usize = size_of::<Value>();

impl Drop for Array {
    fn drop(&mut self) {
        meter::release(self.items.capacity() * PER_ITEM + PER_ITEM);
        dismantle(std::mem::take(&mut self.items));
    }
}

impl List {
    /// A slice whose capacity is its length.
    pub(crate) fn new(elem: Elem, items: Vec<Value>) -> Self {
        let capacity = items.len();
        Self::with_capacity(elem, items, capacity)
    }

    /// A slice made by appending `items` one by one to an empty one.
    pub(crate) fn appended(elem: Elem, items: Vec<Value>) -> Self {
        let capacity = grown(elem, 0, items.len());
        Self::with_capacity(elem, items, capacity)
    }

    pub(crate) fn with_capacity(elem: Elem, items: Vec<Value>, capacity: usize) -> Self {
        meter::hold(items.capacity() * PER_ITEM + PER_ITEM);
        let len = items.len() as u32;
        Self {
            elem,
            array: Some(Rc::new(Array { items, capacity })),
            start: 0,
            len,
        }
    }

    pub(crate) fn nil(elem: Elem) -> Self {
        Self {
            elem,
            array: None,
            start: 0,
            len: 0,
        }
    }

    pub(crate) fn elem(&self) -> Elem {
        self.elem
    }

    pub(crate) fn is_nil(&self) -> bool {
        self.array.is_none()
    }

    pub(crate) fn len(&self) -> usize {
        self.len as usize
    }

    pub(crate) fn items(&self) -> &[Value] {
        match &self.array {
            Some(array) => {
                let start = self.start as usize;
                array
                    .items
                    .get(start..start + self.len())
                    .unwrap_or_default()
            }
            None => &[],
        }
    }

    pub(crate) fn capacity(&self) -> usize {
        self.array
            .as_ref()
            .map_or(0, |a| a.capacity - self.start as usize)
    }

    /// `list[from:to]`, which may reach beyond the length into the capacity; `None` out of bounds.
    pub(crate) fn slice(&self, from: i64, to: i64) -> Option<Self> {
        let capacity = self.capacity() as i64;
        if from < 0 || to < from || to > capacity {
            return None;
        }
        let array = self.array.as_ref()?;
        let (first, last) = (
            self.start as usize + from as usize,
            self.start as usize + to as usize,
        );
        if last > array.items.len() {
            // Beyond what was appended the array holds zero values.
            let mut items = array.items.clone();
            items.resize_with(last, || self.elem.zero());
            let mut wider = Self::with_capacity(self.elem, items, array.capacity);
            (wider.start, wider.len) = (first as u32, (last - first) as u32);
            return Some(wider);
        }
        Some(Self {
            start: first as u32,
            len: (to - from) as u32,
            ..self.clone()
        })
    }

    pub(super) fn address(&self) -> usize {
        self.array
            .as_ref()
            .map_or(0, |a| Rc::as_ptr(a).addr() + self.start as usize)
    }

    /// Moves the items to `pending` if nothing else refers to them.
    pub(super) fn take_unshared(self, pending: &mut Vec<Value>) {
        if let Some(mut array) = self.array.and_then(Rc::into_inner) {
            meter::release(array.items.capacity() * PER_ITEM);
            pending.append(&mut array.items);
            array.items = Vec::new();
        }
    }
}

/// The capacity after appending one by one until `len`, from a slice with capacity `old`.
pub(crate) fn grown(elem: Elem, old: usize, len: usize) -> usize {
    let mut capacity = old;
    while capacity < len {
        let doubled = capacity * 2;
        let wanted = if capacity + 1 > doubled {
            capacity + 1
        } else if capacity < 256 {
            doubled
        } else {
            capacity + (capacity + 3 * 256) / 4
        };
        capacity = round_up(wanted * elem.size()) / elem.size();
    }
    capacity
}

/// The size of the block Go's allocator gives for `bytes`.
fn round_up(bytes: usize) -> usize {
    const CLASSES: [usize; 67] = [
        8, 16, 24, 32, 48, 64, 80, 96, 112, 128, 144, 160, 176, 192, 208, 224, 240, 256, 288, 320,
        352, 384, 416, 448, 480, 512, 576, 640, 704, 768, 896, 1024, 1152, 1280, 1408, 1536, 1792,
        2048, 2304, 2688, 3072, 3200, 3456, 4096, 4864, 5120, 5376, 6144, 6528, 6784, 6912, 8192,
        9472, 9728, 10240, 10880, 12288, 13568, 14336, 16384, 18432, 19072, 20480, 21760, 24576,
        27264, 28672,
    ];
    match CLASSES.iter().find(|&&class| class >= bytes) {
        Some(&class) => class,
        None if bytes <= 32768 => 32768,
        None => bytes.div_ceil(8192) * 8192,
    }
}

/// The capacity after appending several items at once to a full slice of `old` items.
pub(crate) fn appended_many(elem: Elem, old: usize, len: usize) -> usize {
    if len <= old {
        return old;
    }
    let wanted = if len > old * 2 {
        len
    } else if old < 256 {
        old * 2
    } else {
        let mut capacity = old;
        while capacity < len {
            capacity += (capacity + 3 * 256) / 4;
        }
        capacity
    };
    round_up(wanted * elem.size()) / elem.size()
}
