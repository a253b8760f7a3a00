//! One thing that is counted.

use anyhow::Result;

/// Does it once; whether what should come of it did.
pub(crate) type Work = Box<dyn FnMut() -> bool>;

/// How often nearly everything is done before it is counted.
const WARM_UP: usize = 40;

/// One thing that is counted: its name in the table, how often it is done, and how it is prepared.
#[derive(Clone, Copy)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) times: usize,
    /// How often it is done before it is counted: what grows has grown by then.
    pub(crate) warm_up: usize,
    pub(crate) make: fn() -> Result<Work>,
}

impl Case {
    pub(crate) const fn new(name: &'static str, times: usize, make: fn() -> Result<Work>) -> Case {
        Case { name, times, warm_up: WARM_UP, make }
    }

    /// The same after less warming up, for what takes long.
    pub(crate) const fn after(self, warm_up: usize) -> Case {
        Case { warm_up, ..self }
    }
}
