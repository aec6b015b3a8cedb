package io.jdit.cache;

/** How often a forced refresh happens. */
public enum RefreshPolicy {
  ONCE,
  REPEAT
}
