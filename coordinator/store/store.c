/* Opening, the queue, the writer thread and its group commit. See store.h. */
#include "coordinator/store/store.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdlib.h>

#include "common/error.h"
#include "coordinator/store/load.h"
#include "coordinator/store/open.h"
#include "coordinator/store/sql.h"
#include "coordinator/store/transaction.h"
#include "coordinator/store/write.h"

struct queue {
        struct store_tx *first, **last;
};

struct store {
        sqlite3 *db;
        struct writer *writer;
        bool threaded, started;
        void (*wake)(void *user);
        void *wake_user;
        uint64_t era; /* of new chained transactions; the caller's thread only */

        pthread_t thread;
        pthread_mutex_t lock;
        pthread_cond_t work;
        bool stopping;         /* under the lock */
        struct queue queued;   /* under the lock */
        struct queue finished; /* under the lock */
        uint64_t failed_era;   /* writer thread: chains up to this one are broken */
};

static void queue_clear(struct queue *q)
{
        q->first = NULL;
        q->last = &q->first;
}

static void queue_push(struct queue *q, struct store_tx *tx)
{
        tx->next = NULL;
        *q->last = tx;
        q->last = &tx->next;
}

static struct store_tx *queue_pop(struct queue *q)
{
        struct store_tx *tx = q->first;
        if (!tx)
                return NULL;
        q->first = tx->next;
        if (!q->first)
                q->last = &q->first;
        tx->next = NULL;
        return tx;
}

/* Moves all of FROM to the end of TO. */
static void queue_move(struct queue *to, struct queue *from)
{
        if (!from->first)
                return;
        *to->last = from->first;
        to->last = from->last;
        queue_clear(from);
}

int store_open(const struct store_options *options, char ret_detail[static STORE_DETAIL_MAX],
               struct store **ret_store)
{
        ret_detail[0] = 0;
        struct store *s = calloc(1, sizeof(*s));
        if (!s)
                return MESH_ENOMEM;
        s->threaded = options->threaded;
        s->wake = options->wake;
        s->wake_user = options->wake_user;
        s->era = 1;
        queue_clear(&s->queued);
        queue_clear(&s->finished);
        pthread_mutex_init(&s->lock, NULL);
        pthread_cond_init(&s->work, NULL);
        int err = database_open(options->path, ret_detail, STORE_DETAIL_MAX, &s->db);
        if (!err)
                err = writer_new(s->db, &s->writer);
        if (err) {
                store_close(s);
                return err;
        }
        *ret_store = s;
        return 0;
}

int store_load(struct store *s, struct store_image **ret_image)
{
        return image_load(s->db, ret_image);
}

/* ---- writing ---- */

/* One transaction inside the batch: all of its steps or none. */
static int write_one(struct store *s, struct store_tx *tx)
{
        if (tx->error)
                return tx->error;
        int err = sql_run(s->db, "SAVEPOINT step");
        if (err)
                return err;
        err = writer_run(s->writer, tx);
        /* A full disk may have ended the whole transaction: then there is no savepoint left. */
        if (err && !sqlite3_get_autocommit(s->db))
                sql_run(s->db, "ROLLBACK TO step");
        if (!sqlite3_get_autocommit(s->db)) {
                int release = sql_run(s->db, "RELEASE step");
                if (!err)
                        err = release;
        }
        return err;
}

static void fail(struct store *s, struct store_tx *tx, int err)
{
        tx->error = err;
        if (tx->chained && tx->era > s->failed_era)
                s->failed_era = tx->era;
}

/* Writes the batch up to the next load, with one commit. */
static void write_batch(struct store *s, struct queue *batch)
{
        int err = sql_run(s->db, "BEGIN IMMEDIATE");
        for (struct store_tx *tx = batch->first; tx; tx = tx->next) {
                int failure = err;
                if (!err && tx->chained && tx->era <= s->failed_era)
                        failure = MESH_ECANCELED;
                else if (!err)
                        failure = write_one(s, tx);
                if (failure)
                        fail(s, tx, failure);
                if (!err && sqlite3_get_autocommit(s->db))
                        err = failure; /* SQLite has rolled all of the batch back */
        }
        if (!err)
                err = sql_run(s->db, "COMMIT");
        if (!sqlite3_get_autocommit(s->db))
                sql_run(s->db, "ROLLBACK");
        for (struct store_tx *tx = batch->first; err && tx; tx = tx->next)
                if (!tx->error)
                        fail(s, tx, err);
}

static void run_load(struct store *s, struct store_tx *tx)
{
        tx->error = image_load(s->db, &tx->image);
}

/* Works off what was queued, in order. */
static void write_all(struct store *s, struct queue *work)
{
        struct queue batch;
        queue_clear(&batch);
        while (work->first) {
                struct queue part;
                queue_clear(&part);
                while (work->first && !work->first->is_load)
                        queue_push(&part, queue_pop(work));
                if (part.first)
                        write_batch(s, &part);
                queue_move(&batch, &part);
                if (work->first) {
                        struct store_tx *load = queue_pop(work);
                        run_load(s, load);
                        queue_push(&batch, load);
                }
        }
        pthread_mutex_lock(&s->lock);
        queue_move(&s->finished, &batch);
        pthread_mutex_unlock(&s->lock);
}

static void *writer_main(void *user)
{
        struct store *s = user;
        pthread_mutex_lock(&s->lock);
        for (;;) {
                while (!s->queued.first && !s->stopping)
                        pthread_cond_wait(&s->work, &s->lock);
                if (!s->queued.first)
                        break;
                struct queue work;
                queue_clear(&work);
                queue_move(&work, &s->queued);
                pthread_mutex_unlock(&s->lock);
                write_all(s, &work);
                if (s->wake)
                        s->wake(s->wake_user);
                pthread_mutex_lock(&s->lock);
        }
        pthread_mutex_unlock(&s->lock);
        return NULL;
}

int store_start(struct store *s)
{
        if (!s->threaded)
                return 0;
        if (pthread_create(&s->thread, NULL, writer_main, s))
                return MESH_EAGAIN;
        s->started = true;
        return 0;
}

static void enqueue(struct store *s, struct store_tx *tx)
{
        pthread_mutex_lock(&s->lock);
        queue_push(&s->queued, tx);
        pthread_cond_signal(&s->work);
        pthread_mutex_unlock(&s->lock);
}

void store_submit(struct store *s, struct store_tx *tx, bool chained,
                  void (*done)(void *user, int err), void *user)
{
        tx->chained = chained;
        tx->era = s->era;
        tx->done = done;
        tx->user = user;
        enqueue(s, tx);
}

int store_load_later(struct store *s, void (*done)(void *user, int err, struct store_image *image),
                     void *user)
{
        struct store_tx *tx = calloc(1, sizeof(*tx));
        if (!tx)
                return MESH_ENOMEM;
        tx->is_load = true;
        tx->loaded = done;
        tx->user = user;
        enqueue(s, tx);
        return 0;
}

void store_rechain(struct store *s)
{
        s->era++;
}

static void complete(struct store_tx *tx)
{
        if (tx->is_load) {
                struct store_image *image = tx->image;
                tx->image = NULL;
                tx->loaded(tx->user, tx->error, image);
        } else if (tx->done) {
                tx->done(tx->user, tx->error);
        }
        store_tx_free(tx);
}

void store_run(struct store *s)
{
        struct queue ready;
        queue_clear(&ready);
        if (!s->started) {
                struct queue work;
                queue_clear(&work);
                queue_move(&work, &s->queued);
                write_all(s, &work);
        }
        pthread_mutex_lock(&s->lock);
        queue_move(&ready, &s->finished);
        pthread_mutex_unlock(&s->lock);
        while (ready.first)
                complete(queue_pop(&ready));
}

void store_close(struct store *s)
{
        if (!s)
                return;
        if (s->started) {
                pthread_mutex_lock(&s->lock);
                s->stopping = true;
                pthread_cond_signal(&s->work);
                pthread_mutex_unlock(&s->lock);
                pthread_join(s->thread, NULL);
                s->started = false;
        }
        if (s->writer)
                store_run(s);
        writer_free(s->writer);
        sqlite3_close(s->db);
        pthread_cond_destroy(&s->work);
        pthread_mutex_destroy(&s->lock);
        free(s);
}
