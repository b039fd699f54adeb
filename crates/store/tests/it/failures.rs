//! What PostgreSQL does when it fails, and what the store makes of it.

use domain::DisplayName;
use jiff::Timestamp;
use std::time::{Duration, Instant};
use tenantry_store::transfer::copy;
use tenantry_store::{Db, Error, Options, SCHEMA_VERSION, Scope, partners, schema_version_of};
use test_support::cluster::Cluster;
use test_support::raw::{Folder, postgres, postgres_is_here, signed_in_as, sql, value};

/// A change, as any.
async fn add(db: &Db, name: &str) -> Result<bool, Error> {
    let name = DisplayName::parse(name).unwrap();
    db.write(Scope::System, name, |name, tx| {
        Box::pin(async move { Ok(partners::insert(tx, name, Timestamp::UNIX_EPOCH).await?.is_some()) })
    })
    .await
}

async fn look(db: &Db) -> Result<bool, Error> {
    db.read(Scope::System, (), |(), tx| Box::pin(partners::any(tx))).await
}

async fn names(url: &str) -> String {
    value(url, "SELECT string_agg(name, ',' ORDER BY id) FROM partners").await
}

/// Change until it works, for a time.
async fn add_within(db: &Db, name: &str, limit: Duration) -> Result<(), Error> {
    let started = Instant::now();
    loop {
        match add(db, name).await {
            Ok(_) => return Ok(()),
            Err(Error::Unavailable(_)) if started.elapsed() < limit => {}
            Err(error) => return Err(error),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_host_takes_over_from_one_that_stopped() {
    take_over("stopped", Duration::from_secs(10), Cluster::stop).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_host_takes_over_from_one_that_became_read_only() {
    take_over("read-only", Duration::from_secs(10), |first| {
        first.set_now("default_transaction_read_only = on");
    })
    .await;
}

/// A frozen server accepts connections, and answers nothing.
#[tokio::test(flavor = "multi_thread")]
async fn another_host_takes_over_from_one_that_hangs() {
    take_over("frozen", Duration::from_secs(20), |first| first.signal("STOP")).await;
}

/// Without a restart, and without a connection of before getting in the way.
async fn take_over(how: &str, limit: Duration, fail: impl FnOnce(&Cluster)) {
    let Some(first) = Cluster::start(&["wal_level=replica"]) else { return };
    let second = first.standby();
    let hosts = |a: &Cluster, b: &Cluster| {
        format!("postgres://postgres@127.0.0.1:{},127.0.0.1:{}/postgres", a.port, b.port)
    };
    let db = Db::open(&hosts(&first, &second)).await.unwrap();
    // The standby is asked first, and passed over.
    assert!(add(&Db::open(&hosts(&second, &first)).await.unwrap(), "Zero").await.unwrap());
    let alone = Db::open(&first.url()).await.unwrap();
    // Several connections, all of which will be to the wrong host.
    let several: Vec<_> = (0..8)
        .map(|i| {
            let db = db.clone();
            tokio::spawn(async move { add(&db, &format!("Before {i}")).await })
        })
        .collect();
    for one in several {
        assert!(one.await.unwrap().unwrap());
    }
    let end = value(&first.url(), "SELECT pg_current_wal_lsn()").await;
    let is_there = format!("SELECT pg_last_wal_replay_lsn() >= '{end}'::pg_lsn");
    while value(&second.url(), &is_there).await != "true" {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }

    fail(&first);
    second.promote();
    let started = Instant::now();
    add_within(&db, "After", limit).await.unwrap_or_else(|e| panic!("{how}: {e}"));
    println!("{how}: the first change after {:?}", started.elapsed());
    assert!(look(&db).await.unwrap());
    assert!(names(&second.url()).await.ends_with("After"));
    // The control: one that knows only the first host.
    let lost = add_within(&alone, "Control", Duration::from_secs(1)).await;
    assert!(matches!(lost, Err(Error::Unavailable(_))), "{how}: {lost:?}");
}

/// With synchronous replication and no standby, a commit may wait for ever. It is answered all the same, as unknown;
/// reading goes on; and when the standby is back, so does changing.
#[tokio::test(flavor = "multi_thread")]
async fn a_commit_without_its_standby_is_reported_as_unknown() {
    let Some(cluster) = Cluster::start(&[]) else { return };
    let url = cluster.url();
    let db = Db::open(&url).await.unwrap();
    // The control: without synchronous replication it is a success.
    assert!(add(&db, "Asynchronous").await.unwrap());
    cluster.demand_a_standby().await;

    let started = Instant::now();
    let waiting: Vec<_> = (0..40)
        .map(|i| {
            let db = db.clone();
            tokio::spawn(async move { add(&db, &format!("Waiting {i}")).await })
        })
        .collect();
    let mut unknown = 0;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(look(&db).await.unwrap(), "reading waits for commits");
    for one in waiting {
        match one.await.unwrap() {
            Err(Error::Unknown(_)) => unknown += 1,
            // It found no place, and was certainly not committed.
            Err(Error::Unavailable(_) | Error::Busy(_)) => {}
            other => panic!("{other:?}"),
        }
    }
    println!("{unknown} of 40 unknown, after {:?}", started.elapsed());
    assert!(unknown > 0 && unknown < 40, "{unknown}");
    assert!((Duration::from_secs(9)..Duration::from_secs(25)).contains(&started.elapsed()));
    let backends = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
    let hanging: u32 = value(&url, backends).await.parse().unwrap();
    assert_eq!(hanging, unknown, "connections pile up in the server");

    cluster.set("synchronous_standby_names = ''").await;
    add_within(&db, "Again", Duration::from_secs(10)).await.unwrap();
    assert_eq!(value(&url, backends).await, "0");
    // What was unknown had been committed.
    let kept = value(&url, "SELECT count(*) FROM partners WHERE name LIKE 'Waiting %'").await;
    assert_eq!(kept, unknown.to_string());
}

/// PostgreSQL answers a cancelled wait for the standby with COMMIT, as if all were well, and a warning before it.
#[tokio::test(flavor = "multi_thread")]
async fn a_commit_with_a_cancelled_standby_wait_is_reported_as_unknown() {
    let Some(cluster) = Cluster::start(&[]) else { return };
    let url = cluster.url();
    sql(&url, "ALTER ROLE postgres SET client_min_messages = error").await; // which must not hide the warning
    let db = Db::open(&url).await.unwrap();
    let local = Db::open(&format!("{url}?options=-c%20synchronous_commit%3Dlocal")).await.unwrap();
    cluster.demand_a_standby().await;
    // The control: a commit that does not wait.
    assert!(add(&local, "Local").await.unwrap());
    for how in ["pg_cancel_backend", "pg_terminate_backend"] {
        let waiting = tokio::spawn({
            let db = db.clone();
            async move { add(&db, "Cancelled").await }
        });
        let backend = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
        let started = Instant::now();
        while value(&url, backend).await == "0" && started.elapsed() < Duration::from_secs(8) {}
        sql(&url, &format!("SELECT {how}(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'")).await;
        let outcome = waiting.await.unwrap();
        assert!(matches!(outcome, Err(Error::Unknown(_))), "{how}: {outcome:?}");
        assert!(started.elapsed() < Duration::from_secs(8), "{how}: only its deadline ended it");
        let undone = "SET synchronous_commit = local; DELETE FROM partners WHERE name = 'Cancelled'";
        sql(&url, undone).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_could_lose_commits_is_refused() {
    for (setting, why) in [
        ("fsync=off", "fsync=off"),
        ("full_page_writes=off", "full_page_writes=off"),
        ("synchronous_commit=off", "synchronous_commit=off"),
    ] {
        let Some(cluster) = Cluster::start(&[setting]) else { return };
        let refused = Db::open(&cluster.url()).await.err().unwrap();
        let Error::Unfit(said) = refused else { panic!("{setting}: {refused:?}") };
        assert!(said.contains(why) && said.contains("--allow-unsafe-database"), "{setting}: {said}");
        // Nothing was made in it.
        assert_eq!(
            value(&cluster.url(), "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").await,
            "0"
        );
        // The way out, and what the doctor says of it.
        Db::open_with(&cluster.url(), Options { allow_unsafe: true }).await.unwrap();
        let checks = tenantry_store::doctor::examine(&cluster.url(), &|| Timestamp::UNIX_EPOCH).await;
        let (name, _) = setting.split_once('=').unwrap();
        let check = checks.iter().find(|check| check.name == name).unwrap();
        assert_eq!(check.verdict, tenantry_store::doctor::Verdict::Problem, "{check:?}");
        let clock = checks.iter().find(|check| check.name == "clock").unwrap();
        assert_eq!(clock.verdict, tenantry_store::doctor::Verdict::Problem, "1970 is apart: {clock:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_connection_is_replaced_without_an_error() {
    if !postgres_is_here() {
        return;
    }
    let url = postgres().await;
    let db = Db::open(&url).await.unwrap();
    for i in 0..20 {
        assert!(add(&db, &format!("Partner {i}")).await.unwrap());
        sql(
            &url,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
             WHERE datname = current_database() AND pid <> pg_backend_pid()",
        )
        .await;
        assert!(look(&db).await.unwrap());
    }
    assert_eq!(value(&url, "SELECT count(*) FROM partners").await, "20");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_schema_is_refused() {
    let folder = Folder::new();
    let mut urls = vec![folder.sqlite("t.db")];
    if postgres_is_here() {
        urls.push(postgres().await);
    }
    for url in urls {
        let db = Db::open(&url).await.unwrap();
        sql(&url, "INSERT INTO schema_migrations (version, name, sha256) VALUES (9999, 'later', '')").await;
        sql(&url, "UPDATE schema_compatibility SET oldest = 9999").await;
        if url.starts_with("postgres:") {
            // One that was started before is not asked any more.
            let refused = db.check().await.unwrap_err().to_string();
            assert!(refused.contains("too old for it"), "{refused}");
        }
        db.close().await;
        let refused = Db::open(&url).await.err().unwrap().to_string();
        assert!(refused.contains("start the newer tenantry"), "{refused}");
        // A server works with it if the newer one says so; tools still do not.
        sql(&url, "UPDATE schema_compatibility SET oldest = 1").await;
        assert_eq!(schema_version_of(&url).await.unwrap(), Some(SCHEMA_VERSION + 1), "{url}");
        let db = Db::open(&url).await.unwrap();
        db.check().await.unwrap();
        db.close().await;
        let refused = copy(&url, &folder.sqlite("copy.db"), Options::default(), &mut |_| {})
            .await
            .unwrap_err()
            .to_string();
        assert!(refused.contains("start the newer tenantry"), "{refused}");
    }
}

/// `sslmode`, against a server whose certificate only one authority vouches for, and one without TLS.
#[tokio::test(flavor = "multi_thread")]
async fn sslmode_decides_which_certificates_are_accepted() {
    let Some(plain) = Cluster::start(&[]) else { return };
    let Some(secure) = Cluster::start(&[]) else { return };
    let folder = Folder::new();
    let good = rcgen::generate_simple_self_signed(vec!["localhost".into(), "127.0.0.1".into()]).unwrap();
    let other = rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
    for (name, text) in [("good.pem", good.cert.pem()), ("other.pem", other.cert.pem())] {
        std::fs::write(folder.file(name), text).unwrap();
    }
    std::fs::write(folder.file("empty.pem"), "").unwrap();
    let key = folder.file("server.key");
    std::fs::write(&key, good.signing_key.serialize_pem()).unwrap();
    for (from, to) in [(folder.file("good.pem"), "server.crt"), (key, "server.key")] {
        let to = format!("{}/{to}", secure.data());
        std::fs::copy(from, &to).unwrap();
        std::process::Command::new("chown").args(["postgres", &to]).status().unwrap();
        std::process::Command::new("chmod").args(["600", &to]).status().unwrap();
    }
    secure.set("ssl = on").await;
    while value(&secure.url(), "SELECT current_setting('ssl')").await != "on" {}

    let file = |name: &str| folder.file(name).display().to_string();
    let verified = format!("sslmode=verify-full&sslrootcert={}", file("good.pem"));
    let impostor = format!("sslmode=verify-full&sslrootcert={}", file("other.pem"));
    let empty = format!("sslmode=verify-full&sslrootcert={}", file("empty.pem"));
    // Which parameters; is it encrypted with a server that can, with one that cannot; `Err` has the reason.
    type Expected = Result<&'static str, &'static str>;
    let cases: [(&str, Expected, Expected); 9] = [
        ("", Ok("true"), Ok("false")),
        ("sslmode=disable", Ok("false"), Ok("false")),
        ("sslmode=prefer", Ok("true"), Ok("false")),
        ("sslmode=require", Ok("true"), Err("does not support TLS")),
        (&verified, Ok("true"), Err("does not support TLS")),
        ("sslmode=verify-full", Err("certificate"), Err("")),
        (&impostor, Err("certificate"), Err("does not support TLS")),
        (&empty, Err("no certificate authority"), Err("no certificate authority")),
        ("sslmode=yes", Err("must be one of"), Err("must be one of")),
    ];
    for (parameters, with, without) in cases {
        for (cluster, expected) in [(&secure, with), (&plain, without)] {
            let url = format!("postgres://postgres@localhost:{}/postgres?{parameters}", cluster.port);
            match (Db::open(&url).await, expected) {
                (Ok(db), Ok(encrypted)) => {
                    let query = "SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
                                 WHERE application_name = 'tenantry'";
                    assert!(look(&db).await.is_ok());
                    assert_eq!(value(&cluster.url(), query).await, encrypted, "{parameters}");
                    db.close().await;
                }
                (Err(error), Err(why)) => {
                    assert!(error.to_string().contains(why), "{parameters}: {error}");
                }
                (opened, expected) => panic!("{parameters}: {:?}, not {expected:?}", opened.err()),
            }
            let gone = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'tenantry'";
            while value(&cluster.url(), gone).await != "0" {}
        }
    }
    // A name that the certificate does not have.
    let wrong = format!(
        "postgres://postgres@localhost.localdomain:{}/postgres?hostaddr=127.0.0.1&{verified}",
        secure.port
    );
    let refused = Db::open(&wrong).await.err().unwrap().to_string();
    assert!(refused.contains("certificate"), "{refused}");
}

/// A password is checked, and is in no message.
#[tokio::test(flavor = "multi_thread")]
async fn the_error_for_a_wrong_password_does_not_contain_it() {
    let Some(cluster) = Cluster::start(&[]) else { return };
    sql(&cluster.url(), "CREATE ROLE someone LOGIN PASSWORD 'right'; GRANT ALL ON SCHEMA public TO someone")
        .await;
    let rules = format!("{}/pg_hba.conf", cluster.data());
    let trusting = std::fs::read_to_string(&rules).unwrap();
    std::fs::write(&rules, format!("host all someone 127.0.0.1/32 scram-sha-256\n{trusting}")).unwrap();
    sql(&cluster.url(), "SELECT pg_reload_conf()").await;
    let wrong = signed_in_as(&cluster.url(), "someone", "wrong-p4ss");
    let started = Instant::now();
    let refused = loop {
        match Db::open(&wrong).await {
            Err(error) => break format!("{error} {error:?}"),
            Ok(_) => assert!(started.elapsed() < Duration::from_secs(10)),
        }
    };
    assert!(refused.contains("28P01") && !refused.contains("p4ss"), "{refused}");
    Db::open(&signed_in_as(&cluster.url(), "someone", "right")).await.unwrap();
}
