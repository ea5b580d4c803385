//! Connections per address, where that is limited, and whom a proxy speaks for.

use std::net::IpAddr;

use super::Relay;
use crate::close::Reason;
use crate::http::Request;

impl Relay {
    fn addresses_matter(&self) -> bool {
        self.settings.limits.connections_per_address_max > 0
    }

    fn is_trusted(&self, address: IpAddr) -> bool {
        self.settings
            .trusted_proxies
            .iter()
            .any(|net| net.contains(&address))
    }

    /// Notes where a connection comes from. A trusted proxy is not counted: those behind it are.
    pub(super) fn note_address(&mut self, slot: u32, address: IpAddr) -> Result<(), Reason> {
        if !self.addresses_matter() {
            return Ok(());
        }
        let address = address.to_canonical();
        if !self.is_trusted(address) {
            self.count_address(address)?;
        }
        self.peer(slot).set_address(address);
        Ok(())
    }

    fn count_address(&mut self, address: IpAddr) -> Result<(), Reason> {
        let max = self.settings.limits.connections_per_address_max;
        let count = self.addresses.entry(address).or_default();
        if *count >= max {
            return Err(Reason::FullAddress);
        }
        *count += 1;
        Ok(())
    }

    /// Notes whom a trusted proxy speaks for: the last address in `X-Forwarded-For` that is not a
    /// trusted proxy itself. It counts until the request is answered, or the connection ends.
    pub(super) fn note_forwarded(
        &mut self,
        slot: u32,
        request: &Request<'_, '_>,
    ) -> Result<(), Reason> {
        let known = self.peers[slot as usize].address();
        if !known.is_some_and(|a| self.addresses_matter() && self.is_trusted(a)) {
            return Ok(());
        }
        let fields = request.headers.iter().rev();
        let fields = fields.filter(|h| h.name.eq_ignore_ascii_case("x-forwarded-for"));
        let hops = fields.filter_map(|h| std::str::from_utf8(h.value).ok());
        let mut hops = hops.flat_map(|value| value.rsplit(','));
        let client = hops.find_map(|hop| match hop.trim().parse::<IpAddr>() {
            Ok(hop) if self.is_trusted(hop.to_canonical()) => None,
            Ok(hop) => Some(Ok(hop)),
            // What lies before something that is no address was not said by a proxy of ours.
            Err(_) => Some(Err(())),
        });
        if let Some(Ok(client)) = client {
            let client = client.to_canonical();
            self.count_address(client)?;
            self.peer(slot).set_client(client);
        }
        Ok(())
    }

    /// A request is answered, and its connection stays: if a proxy has it, the next one may be another's.
    pub(super) fn give_back_address(&mut self, slot: u32) {
        let client = self.peer(slot).take_client();
        self.forget_address(client);
    }

    pub(super) fn forget_address(&mut self, address: Option<IpAddr>) {
        let Some(address) = address.filter(|a| !self.is_trusted(*a)) else {
            return;
        };
        if let Some(count) = self.addresses.get_mut(&address) {
            *count -= 1;
            if *count == 0 {
                self.addresses.remove(&address);
            }
        }
    }
}
