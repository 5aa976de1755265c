//! What the watch shows of a SealedSecret, and whether it may be acted upon.
//!
//! Whoever begins to write may have a watch that is behind, and who wrote before may have carried out what
//! it has yet to show. So no Secret is replaced before the API server has been asked, once in a term, whether
//! the object is as it was seen; from then on its changes go through this replica, or through none. And
//! what was begun in one term isn't finished in another.

use std::sync::Arc;

use kube::Client;
use sealed_secrets_crds::SealedSecret;

use super::current::asks_the_same;
use super::memory::Memory;
use super::sealed_secrets;
use super::term::Terms;
use crate::unsealer::ObjectKey;

/// An object as it was seen in a term.
pub(super) struct Picture<'a> {
    pub(super) sealed: &'a Arc<SealedSecret>,
    pub(super) key: &'a ObjectKey,
    pub(super) term: u64,
    pub(super) terms: &'a Terms,
    pub(super) memory: &'a Memory,
    pub(super) client: &'a Client,
}

impl Picture<'_> {
    /// Whether the term it was seen in is over.
    pub(super) fn is_of_the_past(&self) -> bool {
        self.terms.current() != Some(self.term)
    }

    /// Whether the object still asks for what it asked for when it was seen.
    ///
    /// # Errors
    /// What the API server says.
    pub(super) async fn is_current(&self) -> Result<bool, kube::Error> {
        if self.memory.is_confirmed(self.key, self.term) {
            return Ok(true);
        }
        let (namespace, name) = self.key;
        let found = sealed_secrets::find(self.client, namespace, name).await?;
        let current = found.is_some_and(|now| asks_the_same(&now.metadata, &self.sealed.metadata));
        if current {
            self.memory.confirm(self.key, self.term);
        }
        Ok(current)
    }
}
