/* SPDX-License-Identifier: GPL-2.0 */
/* random_get_entropy() is in shm_dev.h. */
