//! The primary killed in the midst of 64 writers on two servers, which know both hosts and are not restarted.

use crate::load::Load;
use crate::support::cluster::Cluster;
use crate::support::raw::value;
use crate::support::{Database, Engine, Server};
use crate::{block_on, rounds, wait_until};
use std::process::Command;
use std::time::{Duration, Instant};

/// A primary, its standby, and two servers that know both.
struct Rig {
    servers: [Server; 2],
    database: Database,
    primary: Cluster,
    standby: Cluster,
}

impl Rig {
    fn start(synchronous: bool) -> Option<Self> {
        // A killed server leaves no other kind of memory behind that outlives its folder.
        let primary = Cluster::start(&["dynamic_shared_memory_type=mmap"])?;
        let standby = primary.standby();
        if synchronous {
            block_on(primary.set("synchronous_standby_names = '*'"));
        }
        let state = "SELECT sync_state FROM pg_stat_replication UNION ALL SELECT '' LIMIT 1";
        let expected = if synchronous { "sync" } else { "async" };
        wait_until("replication", || block_on(value(&primary.url(), state)) == expected);
        let mut database = Database::new(Engine::Sqlite); // for its folder
        let (one, two) = (primary.port, standby.port);
        database.url = format!("postgres://postgres@127.0.0.1:{one},127.0.0.1:{two}/postgres");
        let servers = [(); 2].map(|()| Server::start(&database, &[]));
        Some(Rig { servers, database, primary, standby })
    }
}

/// SIGKILL for every process of a cluster, and what that leaves in the system's memory taken away.
fn kill(cluster: &Cluster) {
    let file = std::fs::read_to_string(format!("{}/postmaster.pid", cluster.data())).unwrap();
    let segment = file.lines().nth(6).and_then(|line| line.split_whitespace().last()).unwrap();
    cluster.signal("KILL");
    Command::new("ipcrm").args(["-m", segment]).status().unwrap();
}

#[test]
fn nothing_acknowledged_is_lost_with_a_synchronous_standby() {
    for round in 0..rounds(1) {
        let Some(Rig { servers, database, primary, standby }) = Rig::start(true) else { return };
        let mut load = Load::default();
        load.run(&servers.each_ref().map(Server::admin), |heard| {
            heard.acknowledged(100 + round * 37 % 230);
            kill(&primary);
            standby.promote();
            let first = heard.first_since(Instant::now());
            println!("the first write {first:?} after the promotion");
            assert!(first < Duration::from_secs(10), "{first:?}");
            heard.acknowledged(100);
        });
        for server in &servers {
            load.settle(&server.admin());
            load.check(server, &database);
        }
        println!("{}", load.figures());
    }
}

/// The control.
#[test]
fn an_asynchronous_standby_that_is_behind_loses_what_was_acknowledged() {
    let Some(Rig { servers, database: _database, primary, standby }) = Rig::start(false) else { return };
    let mut load = Load::default();
    load.run(&servers.each_ref().map(Server::admin), |heard| {
        heard.acknowledged(20);
        standby.set_now("primary_conninfo = ''");
        let followers = "SELECT count(*) FROM pg_stat_replication";
        wait_until("the standby's end of following", || block_on(value(&primary.url(), followers)) == "0");
        heard.acknowledged(200);
        kill(&primary);
    });
    standby.promote();
    let lost = load.lost(&servers[0].admin());
    println!("{lost} of {} lost", load.answered.len());
    assert!(lost > 0);
}
