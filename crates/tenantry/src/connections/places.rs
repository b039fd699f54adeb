//! How many connections there may be, in all and of one address.

use super::pace::Paces;
use super::stream::{Farewell, linger};
use super::transport::Transport;
use crate::listen::Connection;
use api::{Frame, Occasional, TrustedProxies, network_of};
use app::Group;
use axum::Router;
use http::StatusCode;
use metrics::{counter, gauge};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Connections beyond their address's limit that are told so at the same time; more are closed without an answer.
const MAX_REFUSALS: usize = 64;

/// All places for connections.
pub(super) struct Places {
    all: Arc<Semaphore>,
    max: usize,
    max_per_address: usize,
    trusted_proxies: TrustedProxies,
    open: Arc<Mutex<HashMap<IpAddr, usize>>>,
    refusals: Arc<Semaphore>,
    full: Occasional,
    refused: Occasional,
}

/// A connection's place; free again when dropped.
pub(super) struct Place {
    _any: Option<OwnedSemaphorePermit>,
    network: Option<IpAddr>,
    open: Arc<Mutex<HashMap<IpAddr, usize>>>,
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
            open: Arc::default(),
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
        if let Some(network) = network {
            let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
            let count = open.entry(network).or_default();
            if *count >= self.max_per_address {
                drop(open);
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
            *count += 1;
        }
        gauge!("tenantry_connections").increment(1);
        Ok(Place { _any: any, network, open: Arc::clone(&self.open) })
    }
}

impl Refused {
    /// Answer `503` where not too many are being told already.
    pub(super) fn answer(self, connection: Connection, service: &Frame<Router>, paces: Arc<Paces>) {
        let Refused { turn: Some(turn), network } = self else { return };
        let mut stream = Transport::from(connection);
        let last = service.refusal(StatusCode::SERVICE_UNAVAILABLE);
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
        let Some(network) = self.network else { return };
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&network) {
            *count -= 1;
            if *count == 0 {
                open.remove(&network);
            }
        }
    }
}
