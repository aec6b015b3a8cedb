/**
 * Pictures and videos in and out: files with the parameters they were made with, names for them,
 * previews.
 */
package io.jdit.media;
