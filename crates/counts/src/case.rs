//! One thing that is counted.

use anyhow::Result;

/// Does it once; whether what should come of it did.
pub(crate) type Work = Box<dyn FnMut() -> bool>;

/// One thing that is counted: its name in the table, how often it is done, and how it is prepared.
#[derive(Clone, Copy)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) times: usize,
    pub(crate) make: fn() -> Result<Work>,
}

impl Case {
    pub(crate) const fn new(name: &'static str, times: usize, make: fn() -> Result<Work>) -> Case {
        Case { name, times, make }
    }
}
