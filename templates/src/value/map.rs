//! Go maps with string keys: shared, changeable, in the order of their keys.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::{Rc, Weak};

use super::{Str, Value, dismantle};
use crate::meter;

/// The type of a map's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MapKind {
    /// `map[string]interface {}`
    Any,
    /// `map[string]string`
    Str,
}

/// A reference to a map. A nil map has no table.
#[derive(Clone)]
pub(crate) struct Map {
    kind: MapKind,
    table: Option<Rc<Table>>,
}

struct Table {
    entries: RefCell<BTreeMap<Str, Value>>,
    /// Whether it is among those to be emptied at the end of the rendering.
    watched: Cell<bool>,
}

/// What an entry costs beside its key and value's own bytes.
const PER_ENTRY: usize = 96;

thread_local! {
    /// Maps that have had a container put into them, and so might contain themselves.
    static WATCHED: RefCell<Vec<Weak<Table>>> = const { RefCell::new(Vec::new()) };
}

impl Drop for Table {
    fn drop(&mut self) {
        let entries = std::mem::take(self.entries.get_mut());
        meter::release(entries.len() * PER_ENTRY);
        dismantle(entries.into_values().collect());
    }
}

impl Map {
    pub(crate) fn new(kind: MapKind) -> Self {
        let table = Table {
            entries: RefCell::new(BTreeMap::new()),
            watched: Cell::new(false),
        };
        Self {
            kind,
            table: Some(Rc::new(table)),
        }
    }

    pub(crate) fn nil(kind: MapKind) -> Self {
        Self { kind, table: None }
    }

    /// A map of `entries`; the last of equal keys wins.
    pub(crate) fn from_entries(
        kind: MapKind,
        entries: impl IntoIterator<Item = (Str, Value)>,
    ) -> Self {
        let map = Self::new(kind);
        for (key, value) in entries {
            map.insert(key, value);
        }
        map
    }

    pub(crate) fn kind(&self) -> MapKind {
        self.kind
    }

    pub(crate) fn is_nil(&self) -> bool {
        self.table.is_none()
    }

    pub(crate) fn len(&self) -> usize {
        self.table.as_ref().map_or(0, |t| t.entries.borrow().len())
    }

    pub(crate) fn get(&self, key: &[u8]) -> Option<Value> {
        self.table.as_ref()?.entries.borrow().get(key).cloned()
    }

    pub(crate) fn contains(&self, key: &[u8]) -> bool {
        self.table
            .as_ref()
            .is_some_and(|t| t.entries.borrow().contains_key(key))
    }

    /// Sets an entry; false where the map is nil.
    pub(crate) fn insert(&self, key: Str, value: Value) -> bool {
        let Some(table) = &self.table else {
            return false;
        };
        if matches!(value, Value::List(_) | Value::Map(_)) && !table.watched.replace(true) {
            WATCHED.with(|watched| watched.borrow_mut().push(Rc::downgrade(table)));
        }
        let old = table.entries.borrow_mut().insert(key, value);
        if old.is_none() {
            meter::hold(PER_ENTRY);
        }
        true
    }

    pub(crate) fn remove(&self, key: &[u8]) {
        if let Some(table) = &self.table {
            let old = table.entries.borrow_mut().remove(key);
            if old.is_some() {
                meter::release(PER_ENTRY);
            }
        }
    }

    /// The entries in the order of their keys.
    pub(crate) fn entries(&self) -> Vec<(Str, Value)> {
        self.table.as_ref().map_or_else(Vec::new, |t| {
            t.entries
                .borrow()
                .iter()
                .map(|(k, v)| (k.clone(), v.clone()))
                .collect()
        })
    }

    pub(crate) fn same(&self, other: &Self) -> bool {
        match (&self.table, &other.table) {
            (Some(a), Some(b)) => Rc::ptr_eq(a, b),
            (None, None) => true,
            _ => false,
        }
    }

    pub(crate) fn address(&self) -> usize {
        self.table.as_ref().map_or(0, |t| Rc::as_ptr(t).addr())
    }

    /// Moves the values to `pending` if nothing else refers to them.
    pub(super) fn take_unshared(self, pending: &mut Vec<Value>) {
        if let Some(table) = self.table.and_then(Rc::into_inner) {
            let entries = table.entries.take();
            meter::release(entries.len() * PER_ENTRY);
            pending.extend(entries.into_values());
        }
    }
}

/// Empties the maps that might contain themselves, so that nothing outlives the rendering.
pub(crate) fn break_cycles() {
    let watched = WATCHED.with(|watched| std::mem::take(&mut *watched.borrow_mut()));
    for table in watched.iter().filter_map(Weak::upgrade) {
        let entries = table.entries.take();
        meter::release(entries.len() * PER_ENTRY);
        dismantle(entries.into_values().collect());
    }
}
