//! Rate and concurrency limits for API keys, partners and addresses, in bounded memory and without the database.

use crate::boxed;
use crate::slots::{Group, Slot, Slots};
use crate::{App, Error, Exceeded};
use domain::PartnerId;
use governor::clock::{Clock, DefaultClock};
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};
use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hash};
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};
use store::Turn;

/// The window of rates in seconds; a burst may use the quota of a whole window at once.
const WINDOW_SECONDS: u32 = 10;
/// The maximum number of keys, partners or addresses that a limit tracks. Further ones share one rate until tracked ones
/// have been idle.
const MAX_KNOWN: usize = 65_536;

/// The longest time after which a request that found too many under way is to be repeated.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(5);

/// The limits for requests: per second on average, and concurrent. 0 is no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitSettings {
    /// Requests a second of one key.
    pub key_rate: u32,
    /// Requests a second of one partner, whatever its keys.
    pub partner_rate: u32,
    /// Requests a second of one address (IPv6: of its /64) without a key, or with one that has not been seen to be valid.
    pub address_rate: u32,
    /// Requests of one key at the same time.
    pub key_concurrency: u32,
    /// Requests of one partner at the same time.
    pub partner_concurrency: u32,
    /// Requests of one partner, or of one address without a valid key, that are processed at the same time; others wait.
    pub partner_slots: u32,
}

impl Default for LimitSettings {
    fn default() -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from) as u32;
        LimitSettings {
            key_rate: 50_000,
            partner_rate: 100_000,
            address_rate: 1_000,
            key_concurrency: 256,
            partner_concurrency: 512,
            partner_slots: (32 * processors).max(64),
        }
    }
}

/// The hash of an API key under a random seed of this process, so that clients cannot construct collisions.
type KeyHash = u64;

/// The limits of a server and their current counts.
pub(crate) struct Limits {
    seed: RandomState,
    /// Hashes of the API keys that were valid at their last use, and their partners.
    valid: Mutex<HashMap<KeyHash, PartnerId>>,
    /// Replaced as a whole when the settings change; requests under way keep theirs.
    counts: RwLock<Arc<Counts>>,
}

/// What is counted under one set of settings.
struct Counts {
    keys: Rate<KeyHash>,
    partners: Rate<i64>,
    addresses: Rate<Option<IpAddr>>,
    key_concurrency: Arc<Concurrency<KeyHash>>,
    partner_concurrency: Arc<Concurrency<i64>>,
    slots: Arc<Slots>,
}

/// The concurrency permits of a request, held until it and the work that it started have ended.
#[derive(Clone, Debug, Default)]
pub struct Permits {
    _key: Option<Arc<Grant<KeyHash>>>,
    _partner: Option<Arc<Grant<i64>>>,
    /// The partner that the request has been counted against.
    counted: Option<PartnerId>,
}

/// A request that goes beyond a limit.
#[derive(Debug)]
pub struct Refused {
    /// The limit.
    pub error: Error,
    /// What the request is grouped by.
    pub group: Group,
}

/// A request that its limits let in.
#[derive(Debug)]
pub struct Admitted {
    /// To be held while the request is under way; none without a key.
    pub permits: Option<Permits>,
    /// What it is grouped by.
    pub group: Group,
}

impl Limits {
    pub(crate) fn new(settings: LimitSettings) -> Self {
        let counts = RwLock::new(Arc::new(Counts::new(settings)));
        Limits { seed: RandomState::new(), valid: Mutex::default(), counts }
    }

    fn set(&self, settings: LimitSettings) {
        *self.counts.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(Counts::new(settings));
    }

    fn counts(&self) -> Arc<Counts> {
        Arc::clone(&self.counts.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// What a request with this key, or none, from this network is grouped by.
    fn group(&self, key: Option<&str>, network: IpAddr) -> Group {
        let partner = key.and_then(|key| lock(&self.valid).get(&self.seed.hash_one(key)).copied());
        partner.map_or(Group::Network(network), Group::Partner)
    }

    /// In whose turn the owner of a key is looked up: its partner's, or that of the address for one that was not seen to be valid.
    pub(crate) fn turn(&self, key: &str, address: &str) -> Turn {
        let partner = lock(&self.valid).get(&self.seed.hash_one(key)).map(|partner| partner.0);
        Turn::of_caller(
            partner.map_or_else(|| self.seed.hash_one(address), |partner| self.seed.hash_one(partner)),
        )
    }

    /// Counts a request against its API key and partner if the key is known to be valid, and against its address otherwise.
    /// A caller can therefore exhaust only the rate of its own key, and invalid keys do not affect valid ones of the same
    /// address.
    fn admit(&self, key: Option<&str>, network: IpAddr, price: u32) -> Result<Admitted, Refused> {
        let group = self.group(key, network);
        let counted = match (group, key) {
            (Group::Partner(partner), Some(key)) => {
                self.counts().keys.count(self.seed.hash_one(key), || "a key".to_owned()).and_then(|()| {
                    let mut permits = self.enter_key(key)?;
                    self.enter_partner(&mut permits, partner)?;
                    Ok(Some(permits))
                })
            }
            _ => self
                .counts()
                .addresses
                .count_as(price, Some(network), || network.to_string())
                .and_then(|()| key.map(|key| self.enter_key(key)).transpose()),
        };
        match counted {
            Ok(permits) => Ok(Admitted { permits, group }),
            Err(error) => Err(Refused { error, group }),
        }
    }

    /// Acquires the concurrency permit of an API key.
    pub(crate) fn enter_key(&self, key: &str) -> Result<Permits, Error> {
        let permit = self.counts().key_concurrency.enter(self.seed.hash_one(key), || "a key".to_owned())?;
        Ok(Permits { _key: permit, ..Permits::default() })
    }

    /// Counts a request against its partner's rate and adds the partner's concurrency permit, unless it has been counted.
    pub(crate) fn enter_partner(&self, permits: &mut Permits, partner: PartnerId) -> Result<(), Error> {
        if permits.counted == Some(partner) {
            return Ok(());
        }
        let who = || format!("partner {partner}");
        let counts = self.counts();
        counts.partners.count(partner.0, who)?;
        permits._partner = counts.partner_concurrency.enter(partner.0, who)?;
        permits.counted = Some(partner);
        Ok(())
    }

    /// Records that an API key is valid, and whose it is.
    pub(crate) fn note_valid(&self, key: &str, partner: PartnerId) {
        let key = self.seed.hash_one(key);
        let mut valid = lock(&self.valid);
        if valid.len() >= MAX_KNOWN && !valid.contains_key(&key) {
            valid.clear(); // the other keys are recorded again by their next request
        }
        valid.insert(key, partner);
    }

    /// Records that an API key is not valid.
    pub(crate) fn note_invalid(&self, key: &str) {
        lock(&self.valid).remove(&self.seed.hash_one(key));
    }

    /// Removes the counts of idle keys, partners and addresses.
    pub(crate) fn tidy(&self) {
        let counts = self.counts();
        counts.keys.tidy();
        counts.partners.tidy();
        counts.addresses.tidy();
    }
}

impl Counts {
    fn new(settings: LimitSettings) -> Self {
        let LimitSettings {
            key_rate,
            partner_rate,
            address_rate,
            key_concurrency,
            partner_concurrency,
            partner_slots,
        } = settings;
        Counts {
            keys: Rate::new("key", "of this API key", key_rate),
            partners: Rate::new("partner", "of this partner", partner_rate),
            addresses: Rate::new("address", "without a valid API key from this address", address_rate),
            key_concurrency: Concurrency::new("key-concurrency", "of this API key", key_concurrency),
            partner_concurrency: Concurrency::new(
                "partner-concurrency",
                "of this partner",
                partner_concurrency,
            ),
            slots: Slots::new(partner_slots as usize),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A rate limiter that counts by key, in memory.
type Limiter<K, C> = RateLimiter<K, HashMapStateStore<K>, C, NoOpMiddleware<<C as Clock>::Instant>>;

/// A rate limit for each `K`: `rate` requests a second, counted over [`WINDOW_SECONDS`].
struct Rate<K: Hash + Eq + Clone, C: Clock = DefaultClock> {
    limiter: Option<Limiter<K, C>>,
    policy: &'static str,
    whose: &'static str,
    quota: u32,
    clock: C,
}

impl<K: Hash + Eq + Clone + Default> Rate<K> {
    fn new(policy: &'static str, whose: &'static str, rate: u32) -> Self {
        Rate::with_clock(policy, whose, rate, DefaultClock::default())
    }
}

impl<K: Hash + Eq + Clone + Default, C: Clock + Clone> Rate<K, C> {
    fn with_clock(policy: &'static str, whose: &'static str, rate: u32, clock: C) -> Self {
        let quota = rate.saturating_mul(WINDOW_SECONDS);
        let limiter = NonZeroU32::new(rate).zip(NonZeroU32::new(quota)).map(|(rate, burst)| {
            RateLimiter::new(
                Quota::per_second(rate).allow_burst(burst),
                HashMapStateStore::default(),
                clock.clone(),
            )
        });
        Rate { limiter, policy, whose, quota, clock }
    }

    /// Counts one request of `key`.
    fn count(&self, key: K, who: impl FnOnce() -> String) -> Result<(), Error> {
        self.count_as(1, key, who)
    }

    /// Counts one request of `key` as so many, but for at most the whole quota.
    fn count_as(&self, price: u32, key: K, who: impl FnOnce() -> String) -> Result<(), Error> {
        let (Some(limiter), Some(price)) = (&self.limiter, NonZeroU32::new(price.min(self.quota))) else {
            return Ok(());
        };
        // Keys beyond the bound share one count until the next cleanup. A search for idle counts at every request would let
        // a flood of keys cost CPU time.
        let key = if limiter.len() < MAX_KNOWN { key } else { K::default() };
        let Ok(Err(not_until)) = limiter.check_key_n(&key, price) else { return Ok(()) };
        Err(Error::LimitExceeded(Box::new(Exceeded {
            message: format!(
                "too many requests {}: at most {} in {WINDOW_SECONDS} seconds are taken; repeat this one later",
                self.whose, self.quota
            ),
            policy: self.policy,
            who: who(),
            quota: self.quota,
            window: Some(u64::from(WINDOW_SECONDS)),
            retry_after: not_until.wait_time_from(self.clock.now()),
        })))
    }

    fn tidy(&self) {
        if let Some(limiter) = &self.limiter {
            limiter.retain_recent();
            limiter.shrink_to_fit();
        }
    }
}

/// A concurrency limit for each `K`.
#[derive(Debug)]
struct Concurrency<K> {
    limit: u32,
    policy: &'static str,
    whose: &'static str,
    under_way: Mutex<HashMap<K, UnderWay>>,
}

/// Requests of one key or partner that have permits, and what has been refused it lately.
#[derive(Debug, Default)]
struct UnderWay {
    count: u32,
    refused: u32,
    /// Start of the second in which so many were refused.
    since: Option<Instant>,
}

impl UnderWay {
    /// When the next refused request is to be repeated. Each `limit` of refusals in the same second are to come a second later
    /// than those before them: with all of them after one second, refusing a crowd would cost more than what is let in.
    fn retry_after(&mut self, limit: u32, now: Instant) -> Duration {
        if self.since.is_none_or(|since| now.duration_since(since) >= Duration::from_secs(1)) {
            (self.since, self.refused) = (Some(now), 0);
        }
        let wait = 1 + u64::from(self.refused / limit);
        self.refused = self.refused.saturating_add(1);
        Duration::from_secs(wait).min(MAX_RETRY_AFTER)
    }
}

/// The permit of one request, released on drop.
#[derive(Debug)]
struct Grant<K: Hash + Eq> {
    of: Arc<Concurrency<K>>,
    key: K,
}

impl<K: Hash + Eq + Copy> Concurrency<K> {
    fn new(policy: &'static str, whose: &'static str, limit: u32) -> Arc<Self> {
        Arc::new(Concurrency { limit, policy, whose, under_way: Mutex::default() })
    }

    fn enter(self: &Arc<Self>, key: K, who: impl FnOnce() -> String) -> Result<Option<Arc<Grant<K>>>, Error> {
        if self.limit == 0 {
            return Ok(None);
        }
        let mut under_way = lock(&self.under_way);
        let of_key = under_way.entry(key).or_default();
        if of_key.count < self.limit {
            of_key.count += 1;
            return Ok(Some(Arc::new(Grant { of: Arc::clone(self), key })));
        }
        let retry_after = of_key.retry_after(self.limit, Instant::now());
        drop(under_way);
        Err(Error::LimitExceeded(Box::new(Exceeded {
            message: format!(
                "too many requests {} at the same time: {} are under way; repeat this one later",
                self.whose, self.limit
            ),
            policy: self.policy,
            who: who(),
            quota: self.limit,
            window: None,
            retry_after,
        })))
    }
}

impl<K: Hash + Eq> Drop for Grant<K> {
    fn drop(&mut self) {
        let mut under_way = lock(&self.of.under_way);
        if let Some(of_key) = under_way.get_mut(&self.key) {
            of_key.count -= 1;
            if of_key.count == 0 {
                under_way.remove(&self.key);
            }
        }
    }
}

impl App {
    /// Sets the limits for requests.
    #[must_use]
    pub fn with_limits(mut self, settings: LimitSettings) -> Self {
        self.limits = Limits::new(settings);
        self
    }

    /// Changes the limits for requests while they are served. What was counted so far is forgotten.
    pub fn set_limits(&self, settings: LimitSettings) {
        self.limits.set(settings);
    }

    /// Counts a request against the limits of its API key and partner if the key is known to be valid, and of its network
    /// otherwise: an IPv4 address, or the /64 of an IPv6 address. For the network's rate a request counts as `price` ones.
    ///
    /// # Errors
    /// [`Refused`], with [`Error::LimitExceeded`].
    pub fn admit(&self, key: Option<&str>, network: IpAddr, price: u32) -> Result<Admitted, Refused> {
        self.limits.admit(key, network, price)
    }

    /// Waits until a request of this group may be processed.
    ///
    /// # Errors
    /// [`Error::LimitExceeded`] where too many wait.
    #[boxed]
    pub async fn slot(&self, group: Group) -> Result<Slot, Error> {
        let slots = Arc::clone(&self.limits.counts().slots);
        slots.enter(group).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use governor::clock::FakeRelativeClock;

    fn wait(outcome: Result<(), Error>) -> Option<Duration> {
        match outcome {
            Ok(()) => None,
            Err(Error::LimitExceeded(exceeded)) => Some(exceeded.retry_after),
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn a_refused_crowd_comes_back_in_parts() {
        let (mut under_way, now) = (UnderWay::default(), Instant::now());
        let mut waits = |count: u32, now| -> Vec<u64> {
            (0..count).map(|_| under_way.retry_after(2, now).as_secs()).collect()
        };
        assert_eq!(waits(12, now), [1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 5, 5]);
        assert_eq!(waits(1, now + Duration::from_millis(999)), [5]);
        assert_eq!(waits(3, now + Duration::from_millis(1000)), [1, 1, 2]);
    }

    #[test]
    fn a_rate_is_kept_on_average_over_ten_seconds() {
        let clock = FakeRelativeClock::default();
        let rate: Rate<u64, _> = Rate::with_clock("key", "of this API key", 3, clock.clone());
        let count = |key| wait(rate.count(key, String::new));
        assert!((0..30).all(|_| count(1).is_none()));
        let waits = count(1).unwrap();
        assert!(waits > Duration::from_millis(300) && waits <= Duration::from_millis(334), "{waits:?}");
        assert!(count(2).is_none(), "another key has a rate of its own");
        clock.advance(waits);
        assert!(count(1).is_none());
        assert!(count(1).is_some());
        clock.advance(Duration::from_secs(10));
        assert!((0..30).all(|_| count(1).is_none()));
        assert!(count(1).is_some());
        clock.advance(Duration::from_secs(11));
        rate.tidy();
        assert_eq!(rate.limiter.as_ref().unwrap().len(), 0, "those that have been quiet are forgotten");
        // One that counts as several, and at most as all.
        assert!(rate.count_as(29, 3, String::new).is_ok() && count(3).is_none());
        assert!(count(3).is_some());
        assert!(rate.count_as(1000, 4, String::new).is_ok() && count(4).is_some());
        // Control: rate 0 is no limit.
        let unlimited: Rate<u64, _> = Rate::with_clock("key", "", 0, clock);
        assert!((0..100).all(|_| unlimited.count(1, String::new).is_ok()));
    }

    #[test]
    fn tracked_addresses_are_bounded() {
        let clock = FakeRelativeClock::default();
        let rate: Rate<u128, _> = Rate::with_clock("address", "", 1, clock);
        let refused = (1..200_000).filter(|address| rate.count(*address, String::new).is_err()).count();
        assert_eq!(rate.limiter.as_ref().unwrap().len(), MAX_KNOWN + 1);
        assert!(refused > 100_000, "those beyond the bound share one rate: {refused}");
    }

    #[test]
    fn requests_with_invalid_keys_do_not_limit_a_valid_key() {
        let limits = Limits::new(LimitSettings { address_rate: 1, ..LimitSettings::default() });
        let address = IpAddr::from([127, 0, 0, 1]);
        limits.note_valid("valid", PartnerId(1));
        let refused =
            (0..100).filter(|i| limits.admit(Some(&format!("wrong {i}")), address, 1).is_err()).count();
        assert!(refused > 50, "{refused}");
        assert!((0..100).all(|_| limits.admit(Some("valid"), address, 1).is_ok()));
        // A revoked key counts against the address.
        limits.note_invalid("valid");
        assert!((0..100).any(|_| limits.admit(Some("valid"), address, 1).is_err()));
    }

    #[test]
    fn concurrent_requests_are_limited() {
        let settings =
            LimitSettings { key_concurrency: 2, partner_concurrency: 3, ..LimitSettings::default() };
        let limits = Limits::new(settings);
        let enter = |key: &str| {
            let mut permits = limits.enter_key(key)?;
            limits.enter_partner(&mut permits, PartnerId(1)).map(|()| permits)
        };
        let (first, second) = (enter("a").unwrap(), enter("a").unwrap());
        let refused = |key: &str| match enter(key) {
            Err(Error::LimitExceeded(exceeded)) => exceeded.policy,
            _ => "",
        };
        assert_eq!(refused("a"), "key-concurrency");
        let third = enter("b").unwrap();
        assert_eq!(refused("b"), "partner-concurrency");
        let copy = first.clone();
        drop(first);
        assert_eq!(refused("a"), "key-concurrency", "a copy is the same request");
        drop((copy, second, third));
        assert!(lock(&limits.counts().key_concurrency.under_way).is_empty());
        assert!(lock(&limits.counts().partner_concurrency.under_way).is_empty());
    }
}
