//! Who is counted when a trusted proxy speaks for many over few connections.

use super::*;

const PROXY: [u8; 4] = [10, 0, 0, 1];

/// One connection for each client.
fn world() -> World {
    World::new(|settings| {
        settings.limits.connections_per_address_max = 1;
        settings.trusted_proxies = vec!["10.0.0.1/32".parse().unwrap()];
    })
}

fn client(last: u8) -> String {
    format!("X-Forwarded-For: 192.0.2.{last}\r\n")
}

#[test]
fn an_upgrade_that_is_refused_for_its_address_leaves_no_set() {
    let mut world = world();
    let (first, second) = (world.connect(PROXY), world.connect(PROXY));
    let answer = world.ask(first, &upgrade("/channels/c", &client(1)));
    assert_eq!(status(&answer), 101);
    let answer = world.ask(second, &upgrade("/channels/a,b", &client(1)));
    assert_eq!(status(&answer), 429);
    assert_eq!(world.relay.hub.channels(), 1);
}

#[test]
fn who_polled_is_counted_until_the_answer() {
    let mut world = world();
    let (first, second) = (world.connect(PROXY), world.connect(PROXY));
    let (at_once, held) = ("/channels/a?wait=0", "/channels/a");
    // The same client by either connection, and another by the first.
    assert_eq!(status(&world.ask(first, &get(at_once, &client(1)))), 304);
    assert_eq!(status(&world.ask(second, &get(at_once, &client(1)))), 304);
    assert_eq!(status(&world.ask(first, &get(held, &client(1)))), 0);
    assert_eq!(status(&world.ask(second, &get(held, &client(1)))), 429);
    world.publish("a", "x");
    world.turn();
    assert_eq!(status(&world.got(first)), 200);
    assert!(world.relay.addresses.is_empty());
    let third = world.connect(PROXY);
    assert_eq!(status(&world.ask(first, &get(held, &client(2)))), 0);
    assert_eq!(status(&world.ask(third, &get(held, &client(1)))), 0);
    assert_eq!(world.relay.addresses.len(), 2);
    // Held to the end, and one whose connection breaks.
    world.now += world.relay.settings.limits.poll_hold_ms;
    world.relay.broke(third);
    world.turn();
    assert_eq!(status(&world.got(first)), 408);
    assert!(world.relay.addresses.is_empty());
}
