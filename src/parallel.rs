//! Threads: a pool of our own per process id, so that forked children never wait for threads
//! that fork did not copy, and the global pool of whoever loaded us stays theirs.
