/* Reading the whole database into a store_image. On the thread that owns the connection. */
#pragma once
#include <sqlite3.h>

struct store_image;

/* Returns owned: store_image_free. Errors as store_load. */
int image_load(sqlite3 *db, struct store_image **ret_image);
