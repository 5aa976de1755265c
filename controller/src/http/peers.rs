//! How many connections each client has, so that none takes all there are.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

/// Bits of an IPv6 address that a host gives itself.
const HOST_BITS: u128 = u64::MAX as u128;

/// The connections that are open, by address.
#[derive(Clone, Debug)]
pub(super) struct Peers {
    most: usize,
    open: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

/// One connection of a client, until it is dropped.
#[derive(Debug)]
pub(super) struct Visit {
    peers: Peers,
    address: IpAddr,
}

impl Peers {
    /// Nobody is there; each address may have `most` connections.
    pub(super) fn new(most: usize) -> Self {
        Self {
            most,
            open: Arc::default(),
        }
    }

    /// Counts one more connection of `address`; `None` if it has as many as it may.
    pub(super) fn enter(&self, address: IpAddr) -> Option<Visit> {
        let address = client(address);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(address).or_default();
        if *count >= self.most {
            return None;
        }
        *count += 1;
        Some(Visit {
            peers: self.clone(),
            address,
        })
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        let open = &self.peers.open;
        let mut open = open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.address);
            }
        }
    }
}

/// What one client can't change: its IPv4 address, or the network of its IPv6 address.
fn client(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !HOST_BITS).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_address_has_its_own_number() {
        let peers = Peers::new(1);
        let enter = |address: &str| peers.enter(address.parse().unwrap());
        let first = enter("10.0.0.1");
        assert!(first.is_some());
        assert!(enter("10.0.0.1").is_none());
        assert!(enter("::ffff:10.0.0.1").is_none());
        assert!(enter("10.0.0.2").is_some());
        let network = enter("2001:db8::1");
        assert!(network.is_some());
        assert!(enter("2001:db8::2").is_none());
        assert!(enter("2001:db8:0:1::1").is_some());
        drop(first);
        assert!(enter("10.0.0.1").is_some());
        drop(network);
        assert!(peers.open.lock().unwrap().is_empty());
    }
}
