//! Can a caller tell from the time of a refusal whether the id of its key exists? Presents keys with an unknown id and
//! keys with a live id and a wrong secret, in random turns, so many at a time that a processor keeps up with them, and
//! compares the times.
//!
//! ```text
//! cargo run --release --example key_check -- [TRIES [DATABASE]]       1,000,000 of each, on SQLite in memory
//! ```
//!
//! Prints the means and Welch's t of all times, and of those below the 90th percentile, where no other process has
//! interfered. Beyond 4.5 the two are told apart; the exit status is 1 then.

#![expect(clippy::float_arithmetic, reason = "statistics")]

use futures_util::future::try_join_all;
use std::process::ExitCode;
use std::time::Instant;
use tenantry_app::{ApiKey, App, Clock, Error, Origin, Random, SecretKey};

/// Keys that are presented at the same time.
const AT_A_TIME: usize = 50;

/// What a sample's times are summed up as.
struct Sample {
    mean: f64,
    variance: f64,
    count: f64,
}

fn sample(nanos: impl Iterator<Item = u64> + Clone) -> Sample {
    let count = nanos.clone().count() as f64;
    let mean = nanos.clone().map(|n| n as f64).sum::<f64>() / count;
    let variance = nanos.map(|n| (n as f64 - mean).powi(2)).sum::<f64>() / (count - 1.0);
    Sample { mean, variance, count }
}

/// Prints what is compared; Welch's t.
fn compare(what: &str, unknown: &Sample, wrong: &Sample) -> f64 {
    let error = (unknown.variance / unknown.count + wrong.variance / wrong.count).sqrt();
    let t = (wrong.mean - unknown.mean) / error;
    println!("{what}: unknown id {:.0} ns, wrong secret {:.0} ns, t = {t:.2}", unknown.mean, wrong.mean);
    t
}

/// Another secret behind the id of a key, or another id before its secret; the check sum is not looked at.
fn keys(live: &str, random: &Random) -> Result<[String; 2], Error> {
    let other = ApiKey::generate(random)?;
    let (id, rest) = (4..12, 12..);
    let wrong_secret = format!("tnt_{}{}", &live[id], &other.reveal()[rest]);
    Ok([other.reveal().to_owned(), wrong_secret])
}

async fn run(tries: usize, url: &str) -> Result<bool, Error> {
    let db = store::Db::open(url).await?;
    let egress = directory::Egress::parse("").map_err(Error::Internal)?;
    let app = App::open(db, Clock::System, SecretKey::generate()?, egress).await?;
    let random = Random::default();
    let mut live = Vec::new();
    for number in 0..100 {
        let partner = app.create_partner(&format!("Partner {number}"), "admin@example.com").await?;
        live.push(partner.key);
    }
    app.tidy().await;
    let present = async || -> Result<[Vec<u64>; 2], Error> {
        let mut nanos = [Vec::new(), Vec::new()];
        while nanos.iter().any(|nanos| nanos.len() < tries / AT_A_TIME) {
            let coin = random.bytes::<2>()?;
            let kind = usize::from(coin[0] % 2);
            if nanos[kind].len() == tries / AT_A_TIME {
                continue;
            }
            // Both are made each time, so that what the caches hold does not depend on the kind.
            let both = keys(live[usize::from(coin[1]) % live.len()].reveal(), &random)?;
            let origin = Origin::default();
            let began = Instant::now();
            let refused = app.authenticate(&both[kind], origin).await;
            nanos[kind].push(began.elapsed().as_nanos() as u64);
            assert!(matches!(refused, Err(Error::Unauthorized)), "{refused:?}");
        }
        Ok(nanos)
    };
    let mut nanos = [Vec::with_capacity(tries), Vec::with_capacity(tries)];
    for [unknown, wrong] in try_join_all((0..AT_A_TIME).map(|_| present())).await? {
        nanos[0].extend(unknown);
        nanos[1].extend(wrong);
    }
    let mut all: Vec<u64> = nanos.iter().flatten().copied().collect();
    all.sort_unstable();
    let bound = all[all.len() * 9 / 10];
    let below = |kind: usize| sample(nanos[kind].iter().copied().filter(|n| *n <= bound));
    let whole = |kind: usize| sample(nanos[kind].iter().copied());
    let t =
        [compare("all", &whole(0), &whole(1)), compare("below the 90th percentile", &below(0), &below(1))];
    app.close().await;
    Ok(t.iter().all(|t| t.abs() < 4.5))
}

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let tries = args.next().map_or(Ok(1_000_000), |tries| tries.parse());
    let url = args.next().unwrap_or_else(|| "sqlite::memory:".to_owned());
    let Ok(tries) = tries else {
        eprintln!("usage: key_check [TRIES [DATABASE]]");
        return ExitCode::from(2);
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    match runtime
        .map_err(|error| error.to_string())
        .and_then(|runtime| runtime.block_on(run(tries, &url)).map_err(|error| error.to_string()))
    {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}
