//! How many connections there may be, in all and of one address.

use super::pace::Paces;
use super::stream::{Farewell, linger};
use super::transport::Transport;
use crate::listen::Connection;
use api::{Budget, Frame, NoRequest, Occasional, Share, TrustedProxies, network_of};
use app::Group;
use axum::Router;
use metrics::{counter, gauge};
use std::net::IpAddr;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Connections beyond their address's limit that are told so at the same time; more are closed without an answer.
const MAX_REFUSALS: usize = 64;
/// Connections of HTTP/2, in all and of one address. Each may hold 256 KiB of request bodies that the server has not read yet.
const MAX_HTTP2: usize = 1024;
const MAX_HTTP2_PER_ADDRESS: usize = 256;

/// All places for connections.
pub(super) struct Places {
    all: Arc<Semaphore>,
    max: usize,
    max_per_address: usize,
    trusted_proxies: TrustedProxies,
    open: Arc<Budget>,
    http2: Arc<Budget>,
    refusals: Arc<Semaphore>,
    full: Occasional,
    refused: Occasional,
}

/// A connection's place; free again when dropped.
pub(super) struct Place {
    _any: Option<OwnedSemaphorePermit>,
    /// No address if it is a trusted proxy's.
    network: Option<IpAddr>,
    _open: Share,
    all_http2: Arc<Budget>,
    http2: Option<Share>,
}

/// A connection beyond its address's limit.
pub(super) struct Refused {
    turn: Option<OwnedSemaphorePermit>,
    network: IpAddr,
}

impl Places {
    pub(super) fn new(max: usize, max_per_address: usize, trusted_proxies: TrustedProxies) -> Self {
        Places {
            all: Arc::new(Semaphore::new(max)),
            max,
            max_per_address,
            trusted_proxies,
            open: Budget::new(usize::MAX, max_per_address),
            http2: Budget::new(MAX_HTTP2, MAX_HTTP2_PER_ADDRESS),
            refusals: Arc::new(Semaphore::new(MAX_REFUSALS)),
            full: Occasional::default(),
            refused: Occasional::default(),
        }
    }

    /// A place for whatever connection comes next. While there is none, connections wait in the system's queue.
    pub(super) async fn any(&self) -> Option<OwnedSemaphorePermit> {
        if let Ok(place) = Arc::clone(&self.all).try_acquire_owned() {
            return Some(place);
        }
        counter!("tenantry_connections_exhausted_total").increment(1);
        if let Some(times) = self.full.due() {
            tracing::warn!(
                connections = self.max,
                times,
                "all connections are in use: new ones wait until others end; see --max-connections"
            );
        }
        Arc::clone(&self.all).acquire_owned().await.ok()
    }

    /// The place of a connection from this address.
    pub(super) fn of_address(
        &self,
        any: Option<OwnedSemaphorePermit>,
        peer: IpAddr,
    ) -> Result<Place, Refused> {
        let network = (!self.trusted_proxies.contains(peer)).then(|| network_of(peer));
        let mut open = self.open.share(network);
        if let (Err(_), Some(network)) = (open.grow_to(1), network) {
            counter!("tenantry_connections_refused_total").increment(1);
            if let Some(times) = self.refused.due() {
                tracing::warn!(
                    client = %network,
                    connections = self.max_per_address,
                    times,
                    "connections refused: their address has too many; see --max-connections-per-address"
                );
            }
            let turn = Arc::clone(&self.refusals).try_acquire_owned().ok();
            return Err(Refused { turn, network });
        }
        gauge!("tenantry_connections").increment(1);
        Ok(Place { _any: any, network, _open: open, all_http2: Arc::clone(&self.http2), http2: None })
    }
}

impl Place {
    /// Makes it one of HTTP/2, if there may be one more of its address.
    pub(super) fn begin_http2(&mut self) -> bool {
        let mut share = self.all_http2.share(self.network);
        let may_begin = share.grow_to(1).is_ok();
        if !may_begin {
            counter!("tenantry_connections_refused_total").increment(1);
        }
        self.http2 = Some(share);
        may_begin
    }
}

impl Refused {
    /// Answer `503` where not too many are being told already.
    pub(super) fn answer(self, connection: Connection, service: &Frame<Router>, paces: Arc<Paces>) {
        let Refused { turn: Some(turn), network } = self else { return };
        let mut stream = Transport::from(connection);
        let last = service.refusal(NoRequest::TooManyConnections);
        let farewell = Farewell { last, group: Group::Network(network), refused_at: None };
        tokio::spawn(async move {
            drop(linger(&mut stream, farewell, &paces).await);
            drop((stream, turn));
        });
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        gauge!("tenantry_connections").decrement(1);
    }
}
