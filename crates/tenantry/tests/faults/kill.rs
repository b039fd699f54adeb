//! SIGKILL in the midst of 64 writers, again and again on one database.

use crate::load::Load;
use crate::rounds;
use crate::support::{Database, Engine, Server, on_both_engines};

on_both_engines!(nothing_acknowledged_is_lost);

fn nothing_acknowledged_is_lost(engine: Engine) {
    let database = Database::new(engine);
    let mut load = Load::default();
    let rounds = rounds(5);
    for round in 0..rounds {
        let mut server = Server::start(&database, &[]);
        load.run(&[server.admin()], |heard| {
            // Somewhere between the first answers and some hundreds.
            heard.acknowledged(1 + round * 37 % 230);
            server.kill();
        });
        // The next round begins with what is open now.
        assert_ne!(load.open, [""; 0], "the kill came when nobody waited");
    }
    let server = Server::start(&database, &[]);
    load.settle(&server.admin());
    load.check(&server, &database);
    println!("{engine:?}: {rounds} rounds, {}", load.figures());
    load.control(&server, &database);
}
