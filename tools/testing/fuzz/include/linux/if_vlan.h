/* SPDX-License-Identifier: GPL-2.0 */
/* See shm_dev.h. */
