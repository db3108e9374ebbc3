//! Goal: a wrong command line is told from a failed run, with words that help.
//! Method: wrong ones; exit code 2 and the flag's name.

use crate::harness::run;

#[test]
fn wrong_flags_exit_with_2_and_are_named() {
    for (args, named) in [
        ("fanout --rate 5 --window 1", "--rate"),
        ("fanout --burst 4 --window 3", "--window"),
        ("fanout --payload 5", "--payload"),
        ("fanout --topics 9 --subscribers 3", "--topics"),
        ("fanout --url http://127.0.0.1/", "--url"),
        ("fanout --duration 5", "--duration"),
        ("p2p --clients 3 --paired", "--paired"),
        ("slow --stopped 100", "--stopped"),
        ("churn --abrupt 101", "--abrupt"),
        ("soak --memory-drift-max x", "--memory-drift-max"),
        ("soak --duration 1s", "--duration"),
        ("ramp --factor 1", "--factor"),
        ("ramp --rate 5", "--rate"),
        ("fanout --dialect nchan --topics 3", "--publishers"),
        ("fanout --dialect pusher --publishers 2", "--publishers"),
        ("fanout --dialect raw --topics 3", "--topics"),
        ("p2p --dialect pusher", "--paired"),
        ("fanout --dialect custom", "--template"),
        ("fanout --template none.toml", "--template"),
        ("unknown", "unknown"),
    ] {
        let ended = run(args);
        assert_eq!(ended.code, 2, "{args}: {}", ended.stderr);
        assert!(ended.stderr.contains(named), "{args}: {}", ended.stderr);
    }
}
