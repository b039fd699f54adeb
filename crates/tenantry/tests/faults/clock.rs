//! A system's clock that jumps under a running server. A library that is loaded before the C library adds to what the
//! clocks show.

use crate::support::disk::skipped;
use crate::support::{Api, Database, Engine, Server, on_both_engines};
use serde_json::json;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;

on_both_engines!(a_clock_that_jumps_makes_no_second_change);

const DAY: i64 = 86_400;
/// Adds the first number of a file that is mapped to the system's clock, and the second to the monotonic one.
const LIBRARY: &str = r#"
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static volatile int64_t *seconds = MAP_FAILED;

__attribute__((constructor)) static void map_seconds(void) {
    const char *path = getenv("CLOCK_SECONDS");
    int file = path ? open(path, O_RDONLY) : -1;
    if (file >= 0) seconds = mmap(NULL, 16, PROT_READ, MAP_SHARED, file, 0);
}

int clock_gettime(clockid_t clock, struct timespec *time) {
    int failed = syscall(SYS_clock_gettime, clock, time);
    if (failed || seconds == MAP_FAILED) return failed;
    if (clock == CLOCK_REALTIME) time->tv_sec += seconds[0];
    if (clock == CLOCK_MONOTONIC) time->tv_sec += seconds[1];
    return 0;
}
"#;

/// The clocks of a server.
struct Clocks {
    library: PathBuf,
    seconds: PathBuf,
}

impl Clocks {
    /// `None`, said aloud, where there is no C compiler.
    fn new(folder: &Path) -> Option<Self> {
        let [source, library, seconds] = ["clocks.c", "clocks.so", "seconds"].map(|name| folder.join(name));
        std::fs::write(&source, LIBRARY).unwrap();
        let built = Command::new("cc").args(["-shared", "-fPIC", "-o"]).args([&library, &source]).output();
        match built {
            Ok(output) => assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr)),
            Err(error) => {
                skipped(&format!("cc: {error}"));
                return None;
            }
        }
        std::fs::write(&seconds, [0; 16]).unwrap();
        Some(Clocks { library, seconds })
    }

    /// From now on: so many seconds ahead.
    fn set(&self, system: i64, monotonic: i64) {
        let file = File::options().write(true).open(&self.seconds).unwrap();
        file.write_all_at(&[system.to_ne_bytes(), monotonic.to_ne_bytes()].concat(), 0).unwrap();
    }

    fn start(&self, database: &Database) -> Server {
        Server::start_as(database, &[], |command| {
            command.env("TENANTRY_BOOTSTRAP_KEY", "the-key-that-the-tests-have-chosen-0123456789");
            command.env("LD_PRELOAD", &self.library).env("CLOCK_SECONDS", &self.seconds);
        })
    }
}

/// The same `POST` with the same `Idempotency-Key`; how many rules there are then.
fn rules_after_post(api: &Api) -> usize {
    let rule = json!({"name": "Everything", "kind": "margin", "percentage": "15"});
    let made = api.call("POST", "/v1/price_rules").header("Idempotency-Key", "a-rule").json(&rule).send();
    assert_eq!(made.status, 201, "{}", made.text());
    api.get("/v1/price_rules").header("x-total").parse().unwrap()
}

/// When a user is made now, as the server has it.
fn time_of(api: &Api, name: &str) -> jiff::Timestamp {
    let made = api.post("/v2/users", &json!({"email": format!("{name}@example.com"), "role": "viewer"}));
    made.json()["created_at"].as_str().unwrap().parse().unwrap()
}

fn a_clock_that_jumps_makes_no_second_change(engine: Engine) {
    let database = Database::new(engine);
    let Some(clocks) = Clocks::new(database.folder()) else { return };
    let mut server = clocks.start(&database);
    let before = time_of(&server.admin(), "before");
    assert_eq!(rules_after_post(&server.admin()), 1);
    clocks.set(40 * DAY, 0);
    let jumped = time_of(&server.admin(), "jumped").duration_since(before);
    assert!(jumped.as_secs() >= 40 * DAY, "the server sees it: {jumped}");
    assert_eq!(rules_after_post(&server.admin()), 1, "while the clock is ahead");
    // A start while it is ahead, when what has expired is removed.
    server.kill();
    server = clocks.start(&database);
    assert_eq!(rules_after_post(&server.admin()), 1, "started while the clock is ahead");
    clocks.set(0, 0);
    assert_eq!(rules_after_post(&server.admin()), 1, "the clock is right again");
    // The control: when two days have passed by both clocks, the key is free again.
    clocks.set(2 * DAY, 2 * DAY);
    assert_eq!(rules_after_post(&server.admin()), 2);
}
