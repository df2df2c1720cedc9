/* Agreement through view changes, for one height: n = 4, F = 1, three views, two values.
 *
 * Validators 0 to 2 are correct; the fourth is Byzantine and leads every view, the worst case: it
 * proposes whatever its proposals can justify, different values to different validators, has signed
 * every Prepare and Commit, and any NewLeader that shows a certificate or claims to have none.
 * Messages are never lost for good and never ordered: what was said stands in arrays for ever, and a
 * validator may act on any part of it at any time. A slow, crashed or cut-off validator is one that
 * does not act.
 *
 * Steps and guards are those of the table in src/bft/core.cc:
 *   prepare    a proposal of the view one is in, justified, the first one only
 *   commit     its own prepared value, given a quorum of Prepares; locks
 *   leave      for any later view, naming the lock
 * (To enter a view needs its NewLeaders; here the justification of the proposal carries them.)
 *
 * Run by tools/check-model, which also checks that the model can fail: with -DNO_LOCK (NewLeader
 * forgets), -DUNCHECKED (any value is justified) and -DQUORUM=2 spin has to find two decisions.
 */

#ifndef QUORUM
#define QUORUM 3
#endif
#define CORRECT 3
#define VIEWS 3
/* Of a quorum, how many are correct at least: the Byzantine one has signed everything. */
#define NEEDED (QUORUM - 1)

/* Values 1 and 2; 0 is none. Two-dimensional arrays as [validator * VIEWS + view]. */
byte view[CORRECT];
byte prepared_view[CORRECT];  /* 1 + the view in which `prepared_value` was prepared; 0: none */
byte prepared_value[CORRECT];
byte prepares[CORRECT * VIEWS];
byte commits[CORRECT * VIEWS];
byte new_leader[CORRECT * VIEWS];  /* 1 + the prepared view it names; 0: not said */
byte new_leader_value[CORRECT * VIEWS];

#define said(array, w, x) \
  ((array[0 * VIEWS + (w)] == (x)) + (array[1 * VIEWS + (w)] == (x)) + (array[2 * VIEWS + (w)] == (x)))
#define certified(w, x) (said(prepares, w, x) >= NEEDED)
#define decided(w, x) (said(commits, w, x) >= NEEDED)

#define decided_any(x) (decided(0, x) || decided(1, x) || decided(2, x))
#define agreement (!(decided_any(1) && decided_any(2)))

/* The Byzantine NewLeader of view w can show value x prepared in view p - 1. */
#define can_show(p, x) \
  (((p) == 1 && certified(0, x)) || ((p) == 2 && certified(1, x)))

/* NewLeaders of a and b (correct) and one more that is Byzantine or correct justify x in view w:
 * x is what the one with the highest prepared view names, or nobody names anything. */
inline justified(w, x, result) {
  byte a, b, c, p, highest, value, count;
  result = false;
#ifdef UNCHECKED
  result = true;
#else
  if
  :: w == 0 -> result = true
  :: else ->
     /* Each subset of the correct ones as a bit mask, with the Byzantine one (p: what it shows) or
      * without (p = 9). */
     c = 1;
     do
     :: c < 8 && !result ->
        p = 0;
        do
        :: p <= 9 && !result ->
           highest = 0; value = 0; count = 0; a = 0;
           do
           :: a < CORRECT ->
              if
              :: ((c >> a) & 1) && new_leader[a * VIEWS + w] > 0 ->
                 count++;
                 if
                 :: new_leader[a * VIEWS + w] - 1 > highest ->
                    highest = new_leader[a * VIEWS + w] - 1;
                    value = new_leader_value[a * VIEWS + w]
                 :: else
                 fi
              :: else
              fi;
              a++
           :: else -> break
           od;
           if
           :: p == 9
           :: p == 0 -> count++
           :: (p == 1 || p == 2) && can_show(p, x) ->
              count++;
              if
              :: p > highest -> highest = p; value = x
              :: else
              fi
           :: else -> count = 0
           fi;
           if
           :: count >= QUORUM && (highest == 0 || value == x) -> result = true
           :: else
           fi;
           p = (p == 2 -> 9 : p + 1)
        :: else -> break
        od;
        c++
     :: else -> break
     od;
     a = 0; b = 0; c = 0; p = 0; highest = 0; value = 0; count = 0
  fi
#endif
}

proctype validator(byte id) {
  byte x, w;
  bool ok;
end:
  do
  :: atomic {
       /* Prepare one of the values that the leader can justify. */
       prepares[id * VIEWS + view[id]] == 0 ->
       if
       :: x = 1
       :: x = 2
       fi;
       justified(view[id], x, ok);
       if
       :: ok -> prepares[id * VIEWS + view[id]] = x
       :: else
       fi;
       x = 0; ok = false
     }
  :: atomic {
       /* A quorum of Prepares for one's own: lock and commit. */
       commits[id * VIEWS + view[id]] == 0 && prepares[id * VIEWS + view[id]] > 0 &&
       certified(view[id], prepares[id * VIEWS + view[id]]) ->
       commits[id * VIEWS + view[id]] = prepares[id * VIEWS + view[id]];
#ifndef NO_LOCK
       prepared_view[id] = view[id] + 1;
       prepared_value[id] = prepares[id * VIEWS + view[id]];
#endif
       assert(agreement)
     }
  :: atomic {
       /* Give up the view, for the next one or one beyond. */
       view[id] < VIEWS - 1 ->
       w = view[id] + 1;
       if
       :: true
       :: w < VIEWS - 1 -> w++
       fi;
       view[id] = w;
       new_leader[id * VIEWS + w] = prepared_view[id] + 1;
       new_leader_value[id * VIEWS + w] = prepared_value[id];
       w = 0
     }
  od
}

init {
  atomic {
    run validator(0);
    run validator(1);
    run validator(2)
  }
}
