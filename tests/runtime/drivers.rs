//! The driver that is asked for is the one that serves.

use std::os::fd::AsRawFd;

use rustix::process::{Resource, getrlimit, setrlimit};
use shardcast::runtime::{Driver, DriverChoice};

use crate::support::{Server, address, has_uring, in_child_process, on_each_driver};

#[test]
fn driver_is_the_one_asked_for() {
    assert_eq!(Server::start(DriverChoice::Epoll).driver, Driver::Epoll);
    let automatic = Server::start(DriverChoice::Auto).driver;
    if has_uring() {
        let demanded = Server::start(DriverChoice::Uring).driver;
        assert!(matches!(demanded, Driver::Uring(_)), "{demanded}");
        assert_eq!(automatic, demanded);
    } else {
        assert_eq!(automatic, Driver::Epoll);
    }
}

#[test]
fn many_shards_start_within_the_usual_limit_of_locked_memory() {
    on_each_driver(|driver| {
        let servers: Vec<_> = (0..16).map(|_| Server::start(driver)).collect();
        for server in &servers {
            server.connect_heard();
        }
    });
}

#[test]
fn shard_stays_on_its_processor() {
    on_each_driver(|driver| {
        let allowed = rustix::thread::sched_getaffinity(None).unwrap();
        let cpu = (0..1024).rfind(|cpu| allowed.is_set(*cpu)).unwrap();
        let server = Server::start_on(driver, address(), Some(cpu)).unwrap();
        let (count, on_it) = server.ask(move |_, _| {
            let now = rustix::thread::sched_getaffinity(None).unwrap();
            (now.count(), now.is_set(cpu))
        });
        assert_eq!((count, on_it), (1, true));
    });
}

#[test]
fn processor_that_does_not_exist_costs_only_the_pinning() {
    for cpu in [1_023, usize::MAX] {
        let server = Server::start_on(DriverChoice::Auto, address(), Some(cpu)).unwrap();
        server.connect_known();
    }
}

#[test]
fn demanded_ring_that_is_refused_is_an_error_that_says_what_to_do() {
    if !has_uring() {
        let error = Server::try_start(DriverChoice::Uring, address())
            .err()
            .unwrap();
        assert!(
            error.to_string().contains("choose the epoll driver"),
            "{error}"
        );
        return;
    }
    // Without descriptors there is no ring. The limit is the process's.
    let name = "drivers::demanded_ring_that_is_refused_is_an_error_that_says_what_to_do";
    in_child_process(name, || {
        let address = address();
        // One more descriptor, for the waker.
        let free = std::fs::File::open("/dev/null").unwrap().as_raw_fd();
        let mut limit = getrlimit(Resource::Nofile);
        limit.current = Some(u64::try_from(free + 1).unwrap());
        setrlimit(Resource::Nofile, limit).unwrap();
        let error = Server::try_start(DriverChoice::Uring, address)
            .err()
            .unwrap();
        let text = error.to_string();
        assert!(text.contains("os error 24"), "{text}");
        assert!(text.contains("raise the limit of open files"), "{text}");
    });
}
