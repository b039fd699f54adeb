//! A Partner Center of our own, and a client of it.

#![allow(dead_code, unreachable_pub, reason = "each test file uses some of it")]

use domain::AzureCustomerId;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tenantry_directory::partner_center::sandbox::{Behaviour, Fault, Sandbox, made_up_id};
use tenantry_directory::partner_center::{Random, Settings};
use tenantry_directory::{PartnerCenter, Tenant};

pub const SEED: u64 = 7;

pub fn random() -> Random {
    let next = AtomicU64::new(1);
    Arc::new(move || next.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed))
}

pub fn settings() -> Settings {
    Sandbox::settings("http://sandbox.example")
}

pub fn client(sandbox: &Sandbox, settings: Settings) -> PartnerCenter {
    PartnerCenter::new(settings, Arc::new(sandbox.clone()), random(), Arc::new(|_| ())).unwrap()
}

pub fn connected(customers: usize, behaviour: Behaviour) -> (Sandbox, PartnerCenter) {
    let sandbox = Sandbox::new(customers, SEED, behaviour);
    let client = client(&sandbox, settings());
    (sandbox, client)
}

pub fn faults(next: impl IntoIterator<Item = Fault>) -> Behaviour {
    Behaviour { next: next.into_iter().collect(), ..Behaviour::default() }
}

pub fn status(status: u16) -> Fault {
    Fault::Status { status, retry_after: None }
}

pub fn id(number: usize) -> AzureCustomerId {
    AzureCustomerId::parse(&made_up_id(SEED, number)).unwrap()
}

pub async fn found(client: &PartnerCenter, number: usize) -> Tenant {
    client.find(&id(number)).await.unwrap().unwrap()
}
