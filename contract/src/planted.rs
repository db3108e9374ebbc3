//! Faults that a server could make in what one subscriber gets of one publisher. All users of
//! [`Track`](crate::Track) are held against all of them, each in its own tests.

/// Publications of each row: places 0 to 3.
pub const PUBLISHED: u64 = 4;

/// What a subscriber gets, and what is wrong with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Planted {
    /// The places in the order of their arrival.
    pub places: &'static [u64],
    /// How many of [`PUBLISHED`] never arrive.
    pub lost: u64,
    /// How many arrive after a later one.
    pub reordered: u64,
    /// How many arrive again.
    pub duplicated: u64,
}

/// No fault, each fault alone wherever it can be, and some together.
pub const PLANTED: [Planted; 16] = [
    row(&[0, 1, 2, 3], 0, 0, 0),
    // Lost: each of them, and all.
    row(&[1, 2, 3], 1, 0, 0),
    row(&[0, 2, 3], 1, 0, 0),
    row(&[0, 1, 3], 1, 0, 0),
    row(&[0, 1, 2], 1, 0, 0),
    row(&[], 4, 0, 0),
    // Twice: at once, later, and after the last.
    row(&[0, 0, 1, 2, 3], 0, 0, 1),
    row(&[0, 1, 2, 1, 3], 0, 0, 1),
    row(&[0, 1, 2, 3, 3], 0, 0, 1),
    row(&[0, 1, 0, 2, 1, 3], 0, 0, 2),
    // In another order: neighbours, the first last, and backwards.
    row(&[0, 2, 1, 3], 0, 1, 0),
    row(&[1, 2, 3, 0], 0, 1, 0),
    row(&[3, 2, 1, 0], 0, 3, 0),
    // A gap that is filled in part; what came late comes again; what is lost is not what came again.
    row(&[0, 3, 2], 1, 1, 0),
    row(&[0, 2, 1, 1, 3], 0, 1, 1),
    row(&[0, 2, 2, 3], 1, 0, 1),
];

const fn row(places: &'static [u64], lost: u64, reordered: u64, duplicated: u64) -> Planted {
    Planted {
        places,
        lost,
        reordered,
        duplicated,
    }
}
