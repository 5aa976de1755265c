//! Which key opened what, by namespace: what lies together was often sealed together.

use std::collections::HashMap;

use sealed_secrets_core::fingerprint::Fingerprint;

use super::ObjectKey;

/// The keys that worked.
#[derive(Debug, Default)]
pub(super) struct Worked(HashMap<String, Neighbours>);

/// The objects of a namespace.
#[derive(Debug)]
struct Neighbours {
    /// The key of the last one.
    latest: Fingerprint,
    objects: HashMap<String, Fingerprint>,
}

impl Worked {
    /// The key that opened the object, else the one that opened another one beside it.
    pub(super) fn likely(&self, (namespace, name): &ObjectKey) -> Option<Fingerprint> {
        let neighbours = self.0.get(namespace)?;
        let own = neighbours.objects.get(name);
        Some(*own.unwrap_or(&neighbours.latest))
    }

    /// Remembers the key that opened the object.
    pub(super) fn insert(&mut self, (namespace, name): &ObjectKey, key: Fingerprint) {
        match self.0.get_mut(namespace) {
            Some(neighbours) => {
                neighbours.latest = key;
                neighbours.objects.insert(name.clone(), key);
            }
            None => {
                let neighbours = Neighbours {
                    latest: key,
                    objects: HashMap::from([(name.clone(), key)]),
                };
                self.0.insert(namespace.clone(), neighbours);
            }
        }
    }

    /// Forgets an object that is gone.
    pub(super) fn remove(&mut self, (namespace, name): &ObjectKey) {
        let Some(neighbours) = self.0.get_mut(namespace) else {
            return;
        };
        neighbours.objects.remove(name);
        if neighbours.objects.is_empty() {
            self.0.remove(namespace);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_has_its_own_key_or_that_of_its_last_neighbour() {
        let key = |namespace: &str, name: &str| (namespace.to_owned(), name.to_owned());
        let [old, new] = [[1; 32], [2; 32]].map(Fingerprint::from);
        let mut worked = Worked::default();
        worked.insert(&key("shop", "a"), old);
        worked.insert(&key("shop", "b"), new);
        assert_eq!(worked.likely(&key("shop", "a")), Some(old));
        assert_eq!(worked.likely(&key("shop", "c")), Some(new));
        assert_eq!(worked.likely(&key("bank", "a")), None);
        worked.remove(&key("shop", "a"));
        worked.remove(&key("shop", "b"));
        assert!(worked.0.is_empty());
    }
}
