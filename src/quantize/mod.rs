//! Sample values ⇄ integers: rules, offsets, factors, the strict bound, and exceptions.
