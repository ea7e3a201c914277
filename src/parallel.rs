//! Threads: a pool of our own per process id, so that forked children never wait for threads
//! that fork did not copy, and the global pool of whoever loaded us stays theirs.

use rayon::iter::{IndexedParallelIterator, IntoParallelIterator, ParallelIterator};
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::hint::black_box;
use std::sync::{Arc, Mutex, TryLockError};

/// A pool that serves calls for `threads` in process `process`.
struct Entry {
    process: u32,
    threads: usize,
    pool: Arc<ThreadPool>,
}

/// Pools made so far. Entries are never dropped: a child's copy of its parent's pool has no
/// threads to join.
static POOLS: Mutex<Vec<Entry>> = Mutex::new(Vec::new());

/// Attempts at the lock before a call makes do with a pool of its own. The lock is held for a
/// look-up only, so this fails where a child was forked in that moment, and then for ever.
const ATTEMPTS: usize = 1000;

fn with_pools<R>(look: impl FnOnce(&mut Vec<Entry>) -> R) -> Option<R> {
    for _ in 0..ATTEMPTS {
        match POOLS.try_lock() {
            Ok(mut pools) => return Some(look(&mut pools)),
            Err(TryLockError::Poisoned(pools)) => return Some(look(&mut pools.into_inner())),
            Err(TryLockError::WouldBlock) => std::thread::yield_now(),
        }
    }
    None
}

fn pool(threads: usize) -> Option<Arc<ThreadPool>> {
    let process = std::process::id();
    let find = |pools: &mut Vec<Entry>| {
        let found = pools.iter().find(|e| e.process == process && e.threads == threads);
        found.map(|e| Arc::clone(&e.pool))
    };
    if let Some(found) = with_pools(find).flatten() {
        return Some(found);
    }
    let built = ThreadPoolBuilder::new()
        .num_threads(threads)
        .thread_name(|i| format!("h5flac-{i}"))
        .build()
        .ok()?;
    // A thread's first allocation reserves address space: now, and not in the middle of a call that
    // was told that there is enough.
    built.broadcast(|_| drop(black_box(Box::new(0_u8))));
    let pool = Arc::new(built);
    let entry = Entry { process, threads, pool: Arc::clone(&pool) };
    with_pools(|pools| pools.push(entry));
    Some(pool)
}

/// How many threads a call that asks for so many has: all, which are running then, or one, where
/// they cannot be had.
pub fn started(threads: usize) -> usize {
    if threads > 1 && pool(threads).is_some() { threads } else { 1 }
}

/// Applies `work` to each item on up to `threads` threads; results in the items' order. Without
/// threads to be had it does them one by one.
pub fn map<I: Send, R: Send>(
    threads: usize,
    items: Vec<I>,
    work: impl Fn(I) -> R + Sync + Send,
) -> Vec<R> {
    let pool = if threads > 1 && items.len() > 1 { pool(threads) } else { None };
    match pool {
        None => items.into_iter().map(work).collect(),
        Some(pool) => pool.install(|| items.into_par_iter().with_max_len(1).map(work).collect()),
    }
}

/// Workspaces that the items of one [`map`] take and give back, so that each thread has one.
pub struct Workspaces<W>(Mutex<Vec<W>>);

impl<W> Default for Workspaces<W> {
    fn default() -> Self {
        Workspaces(Mutex::new(Vec::new()))
    }
}

impl<W> Workspaces<W> {
    /// Runs `work` with a workspace, made by `new` where all are taken.
    pub fn with<R>(&self, new: impl FnOnce() -> W, work: impl FnOnce(&mut W) -> R) -> R {
        let free = self.0.lock().map_or(None, |mut free| free.pop());
        let mut workspace = free.unwrap_or_else(new);
        let result = work(&mut workspace);
        if let Ok(mut free) = self.0.lock() {
            free.push(workspace);
        }
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_the_items_order_for_any_number_of_threads() {
        for threads in [1, 2, 5] {
            let squares = map(threads, (0..1000).collect(), |i: u64| i * i);
            assert!(squares.into_iter().eq((0..1000).map(|i| i * i)));
        }
    }

    #[test]
    fn a_pool_is_made_once() {
        let a = pool(3).expect("threads");
        let b = pool(3).expect("threads");
        assert!(Arc::ptr_eq(&a, &b));
    }
}
