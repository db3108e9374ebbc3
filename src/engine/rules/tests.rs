use super::*;

fn rules(subscribe: &[(&str, &str)], publish: &[(&str, &str)]) -> Rules {
    let mut rules = Rules::default();
    for (pattern, grant) in subscribe {
        let grant = Grant::parse(grant).expect("a grant");
        rules.add_subscribe(Pattern::parse(pattern).expect("a pattern"), grant);
    }
    for (pattern, grant) in publish {
        let grant = Grant::parse(grant).expect("a grant");
        rules.add_publish(PublishPattern::parse(pattern).expect("a pattern"), grant);
    }
    rules
}

fn may_subscribe(rules: &Rules, topic: &str) -> bool {
    rules.of_subscribe(topic).is_open(topic)
}

fn may_publish(rules: &Rules, topic: &str, event: &str) -> bool {
    rules.of_publish(topic, event).is_open(topic)
}

#[test]
fn guarded_names_are_denied_and_others_allowed_without_rules() {
    let rules = Rules::default();
    for (topic, allowed) in [
        ("orders", true),
        ("private", true),
        ("Private-x", true),
        ("private-x", false),
        ("private-", false),
        ("presence-room", false),
    ] {
        assert_eq!(may_subscribe(&rules, topic), allowed, "{topic}");
    }
    let closed = Rules::new(&[("", Grant::Deny)]);
    assert!(!may_subscribe(&closed, "orders"));
}

#[test]
fn narrower_rule_beats_wider_one_in_any_order() {
    let written = [
        ("*", "deny"),
        ("private-*", "allow"),
        ("private-root", "deny"),
        ("private-a*", "deny"),
        ("private-admin", "allow"),
    ];
    let mut reversed = written;
    reversed.reverse();
    for order in [written, reversed] {
        let rules = rules(&order, &[]);
        for (topic, allowed) in [
            ("public", false),
            ("private-x", true),
            ("private-root", false),
            ("private-alice", false),
            ("private-admin", true),
        ] {
            assert_eq!(may_subscribe(&rules, topic), allowed, "{topic}");
        }
    }
}

#[test]
fn narrower_publish_rule_beats_wider_one_in_any_order() {
    let written = [
        ("*:*", "deny"),
        ("*:client-*", "allow"),
        ("quiet:*", "deny"),
        ("quiet:client-ping", "allow"),
        ("room.*:say", "allow"),
    ];
    let mut reversed = written;
    reversed.reverse();
    for order in [written, reversed] {
        let rules = rules(&[], &order);
        for (topic, event, allowed) in [
            ("any", "client-x", true),
            ("any", "x", false),
            ("quiet", "client-x", false),
            ("quiet", "client-ping", true),
            ("room.1", "say", true),
            // The channel counts first: no rule for room.* is about this event.
            ("room.1", "client-x", true),
        ] {
            assert_eq!(
                may_publish(&rules, topic, event),
                allowed,
                "{topic} {event}"
            );
        }
    }
}

#[test]
fn same_pattern_twice_keeps_the_earlier_grant() {
    let rules = rules(
        &[("a*", "deny"), ("a*", "allow")],
        &[("a:b", "deny"), ("a:b", "allow")],
    );
    assert!(!may_subscribe(&rules, "ab"));
    assert!(!may_publish(&rules, "a", "b"));
}

#[test]
fn publish_is_denied_unless_a_rule_allows_it() {
    assert!(!may_publish(&Rules::default(), "demo", "hello"));

    let rules = rules(&[], &[("*:client-*", "allow"), ("demo:hello", "allow")]);
    assert!(may_publish(&rules, "demo", "hello"));
    assert!(may_publish(&rules, "any", "client-typing"));
    assert!(!may_publish(&rules, "any", "hello"));
    assert!(!may_publish(&rules, "demo", "Hello"));
}

#[test]
fn hostile_names_slip_past_no_rule() {
    let rules = rules(&[("room.*", "allow")], &[("room:say", "allow")]);
    for name in ["private-\0", "private-*", "presence-\u{202e}x", "private--"] {
        assert!(!may_subscribe(&rules, name), "{name:?}");
    }
    // A name that looks like a rule is only a name.
    for (topic, event) in [
        ("*", "say"),
        ("room:say", ""),
        ("room", "*"),
        ("room", "say\0"),
        ("room\0", "say"),
        ("room:", "say"),
        ("", "say"),
        ("", ""),
    ] {
        assert!(!may_publish(&rules, topic, event), "{topic:?} {event:?}");
    }
    let long = "private-".repeat(10_000);
    assert!(!may_subscribe(&rules, &long));
}

#[test]
fn messages_go_by_the_narrowest_rule_and_are_dropped_without() {
    let mut rules = Rules::default();
    assert_eq!(rules.of_message("x"), &Handling::Drop);
    let event = |text| Pattern::parse(text).expect("a pattern");
    rules.add_message(event("*"), Handling::Ask);
    rules.add_message(event("echo"), Handling::Reply);
    assert_eq!(rules.of_message("x"), &Handling::Ask);
    assert_eq!(rules.of_message("echo"), &Handling::Reply);
    assert!(rules.messages_ask() && !rules.subscribing_asks() && !rules.publishing_asks());
}
