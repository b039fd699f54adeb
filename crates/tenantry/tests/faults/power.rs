//! The power cut in the midst of 64 writers: SQLite's files on an ext4 of their own, which from one moment on keeps nothing.

use crate::load::Load;
use crate::rounds;
use crate::support::disk::Disk;
use crate::support::strace::Strace;
use crate::support::{Database, Engine, Server};
use std::time::Instant;

/// A disk, and a database on it: dropped in this order.
fn on_a_disk_of_its_own() -> Option<(Disk, Database)> {
    let mut database = Database::new(Engine::Sqlite); // for its folder
    let disk = Disk::ext4(database.folder().join("disk"))?;
    database.url = format!("sqlite:{}", disk.folder().join("tenantry.db").display());
    Some((disk, database))
}

/// Cut the power when so many were acknowledged, and start again with what the disk has.
fn cut(load: &mut Load, mut server: Server, (disk, database): &(Disk, Database), enough: usize) -> Server {
    load.run(&[server.admin()], |heard| {
        heard.acknowledged(enough);
        disk.cut_power(|| heard.deaf_since = Some(Instant::now()));
        heard.refused(1);
        server.kill();
    });
    disk.restore_power();
    Server::start(database, &[])
}

#[test]
fn nothing_acknowledged_is_lost_when_the_power_is_cut() {
    let Some(rig) = on_a_disk_of_its_own() else { return };
    let mut server = Server::start(&rig.1, &[]);
    let mut load = Load::default();
    let rounds = rounds(4);
    for round in 0..rounds {
        server = cut(&mut load, server, &rig, 1 + round * 37 % 230);
        load.check(&server, &rig.1);
    }
    load.settle(&server.admin());
    load.check(&server, &rig.1);
    println!("{rounds} rounds, {}", load.figures());
}

/// The control on the server: its syncs do nothing from now on.
#[test]
fn without_syncing_the_same_cut_loses_what_was_acknowledged() {
    let Some(rig) = on_a_disk_of_its_own() else { return };
    let server = Server::start(&rig.1, &[]);
    let mut load = Load::default();
    load.run(&[server.admin()], |heard| heard.acknowledged(20));
    let before = load.answered.len();
    let Some(_lying) = Strace::inject(&server, "fsync,fdatasync:retval=0") else { return };
    let server = cut(&mut load, server, &rig, 100);
    let lost = load.lost(&server.admin());
    println!("{lost} of {} lost", load.answered.len() - before);
    assert!(lost > 0);
}

/// The control on SQLite: the setting that the server insists on, and the one that is faster.
#[test]
fn the_same_cut_loses_what_sqlite_has_committed_with_synchronous_normal() {
    for (synchronous, kept) in [("FULL", 100..=100), ("NORMAL", 0..=99)] {
        let Some(rig) = on_a_disk_of_its_own() else { return };
        let (disk, database) = &rig;
        let settings = format!("PRAGMA journal_mode = WAL; PRAGMA synchronous = {synchronous}");
        let conn = rusqlite::Connection::open(disk.folder().join("tenantry.db")).unwrap();
        conn.execute_batch(&format!("{settings}; CREATE TABLE t (i)")).unwrap();
        conn.execute_batch("PRAGMA wal_checkpoint").unwrap(); // which syncs, in any mode
        for i in 0..100 {
            assert_eq!(conn.execute("INSERT INTO t VALUES (?)", [i]).unwrap(), 1);
        }
        disk.cut_power(|| ());
        drop(conn);
        disk.restore_power();
        let left = database.value("SELECT COUNT(*) FROM t").parse().unwrap();
        println!("{synchronous}: {left} of 100 left");
        assert!(kept.contains(&left), "{synchronous}: {left}");
    }
}
