"""The functions of the environment: every overload with its argument and result types.

This is the environment that Kubernetes 1.37 evaluates stored DRA selectors in; what the tests' oracle
lists and this table are compared by a test. The order of overloads is the order in which they are
tried; those of the operators are in ``signatures_operators``. A line holds the function, the overload
(with a dot before it: a member function, whose first argument is the target), the arguments and the
result; single capitals are type variables.
"""

from app.core.cel.common.signatures_operators import OPERATORS

_TABLE = r"""
# Conversions
bool  bool_to_bool(bool) bool
bool  string_to_bool(string) bool
bytes  bytes_to_bytes(bytes) bytes
bytes  string_to_bytes(string) bytes
double  double_to_double(double) double
double  int64_to_double(int) double
double  string_to_double(string) double
double  uint64_to_double(uint) double
duration  duration_to_duration(duration) duration
duration  string_to_duration(string) duration
dyn  to_dyn(A) dyn
int  int64_to_int64(int) int
int  double_to_int64(double) int
int  duration_to_int64(duration) int
int  string_to_int64(string) int
int  timestamp_to_int64(timestamp) int
int  uint64_to_int64(uint) int
string  string_to_string(string) string
string  bool_to_string(bool) string
string  bytes_to_string(bytes) string
string  double_to_string(double) string
string  duration_to_string(duration) string
string  int64_to_string(int) string
string  timestamp_to_string(timestamp) string
string  uint64_to_string(uint) string
string  ip_to_string(IP) string
string  cidr_to_string(CIDR) string
timestamp  timestamp_to_timestamp(timestamp) timestamp
timestamp  int64_to_timestamp(int) timestamp
timestamp  string_to_timestamp(string) timestamp
type  type(A) type(A)
uint  uint64_to_uint64(uint) uint
uint  double_to_uint64(double) uint
uint  int64_to_uint64(int) uint
uint  string_to_uint64(string) uint
# Standard library
contains  .contains_string(string, string) bool
endsWith  .ends_with_string(string, string) bool
matches  matches(string, string) bool
matches  .matches_string(string, string) bool
size  size_bytes(bytes) int
size  .bytes_size(bytes) int
size  size_list(list(A)) int
size  .list_size(list(A)) int
size  size_map(map(A, B)) int
size  .map_size(map(A, B)) int
size  size_string(string) int
size  .string_size(string) int
startsWith  .starts_with_string(string, string) bool
# Time
getDate  .timestamp_to_day_of_month_1_based(timestamp) int
getDate  .timestamp_to_day_of_month_1_based_with_tz(timestamp, string) int
getDayOfMonth  .timestamp_to_day_of_month(timestamp) int
getDayOfMonth  .timestamp_to_day_of_month_with_tz(timestamp, string) int
getDayOfWeek  .timestamp_to_day_of_week(timestamp) int
getDayOfWeek  .timestamp_to_day_of_week_with_tz(timestamp, string) int
getDayOfYear  .timestamp_to_day_of_year(timestamp) int
getDayOfYear  .timestamp_to_day_of_year_with_tz(timestamp, string) int
getFullYear  .timestamp_to_year(timestamp) int
getFullYear  .timestamp_to_year_with_tz(timestamp, string) int
getHours  .timestamp_to_hours(timestamp) int
getHours  .timestamp_to_hours_with_tz(timestamp, string) int
getHours  .duration_to_hours(duration) int
getMilliseconds  .timestamp_to_milliseconds(timestamp) int
getMilliseconds  .timestamp_to_milliseconds_with_tz(timestamp, string) int
getMilliseconds  .duration_to_milliseconds(duration) int
getMinutes  .timestamp_to_minutes(timestamp) int
getMinutes  .timestamp_to_minutes_with_tz(timestamp, string) int
getMinutes  .duration_to_minutes(duration) int
getMonth  .timestamp_to_month(timestamp) int
getMonth  .timestamp_to_month_with_tz(timestamp, string) int
getSeconds  .timestamp_to_seconds(timestamp) int
getSeconds  .timestamp_to_seconds_tz(timestamp, string) int
getSeconds  .duration_to_seconds(duration) int
# Optional values
first  .list_first(list(V)) optional(V)
hasValue  .optional_hasValue(optional(V)) bool
last  .list_last(list(V)) optional(V)
optional.none  optional_none() optional(V)
optional.of  optional_of(V) optional(V)
optional.ofNonZeroValue  optional_ofNonZeroValue(V) optional(V)
optional.unwrap  optional_unwrap(list(optional(V))) list(V)
or  .optional_or_optional(optional(V), optional(V)) optional(V)
orValue  .optional_orValue_value(optional(V), V) V
unwrapOpt  .optional_unwrapOpt(list(optional(V))) list(V)
value  .optional_value(optional(V)) V
# Strings, version 2, and regular expressions
charAt  .string_char_at_int(string, int) string
find  .string_find_string(string, string) string
findAll  .string_find_all_string(string, string) list(string)
findAll  .string_find_all_string_int(string, string, int) list(string)
format  .string_format(string, list(dyn)) string
join  .list_join(list(string)) string
join  .list_join_string(list(string), string) string
lowerAscii  .string_lower_ascii(string) string
replace  .string_replace_string_string(string, string, string) string
replace  .string_replace_string_string_int(string, string, string, int) string
split  .string_split_string(string, string) list(string)
split  .string_split_string_int(string, string, int) list(string)
strings.quote  strings_quote(string) string
substring  .string_substring_int(string, int) string
substring  .string_substring_int_int(string, int, int) string
trim  .string_trim(string) string
upperAscii  .string_upper_ascii(string) string
# Lists, sets
@sortByAssociatedKeys  .list_int_sortByAssociatedKeys(list(T), list(int)) list(T)
@sortByAssociatedKeys  .list_uint_sortByAssociatedKeys(list(T), list(uint)) list(T)
@sortByAssociatedKeys  .list_double_sortByAssociatedKeys(list(T), list(double)) list(T)
@sortByAssociatedKeys  .list_bool_sortByAssociatedKeys(list(T), list(bool)) list(T)
@sortByAssociatedKeys  .list_google.protobuf.Duration_sortByAssociatedKeys(list(T), list(duration)) list(T)
@sortByAssociatedKeys  .list_google.protobuf.Timestamp_sortByAssociatedKeys(list(T), list(timestamp)) list(T)
@sortByAssociatedKeys  .list_string_sortByAssociatedKeys(list(T), list(string)) list(T)
@sortByAssociatedKeys  .list_bytes_sortByAssociatedKeys(list(T), list(bytes)) list(T)
distinct  .list_distinct(list(T)) list(T)
flatten  .list_flatten(list(list(T))) list(T)
flatten  .list_flatten_int(list(dyn), int) list(dyn)
includes  .list_includes_dyn_dyn(dyn, dyn) bool
indexOf  .string_index_of_string(string, string) int
indexOf  .string_index_of_string_int(string, string, int) int
indexOf  .list_a_index_of_int(list(A), A) int
isSorted  .list_int_is_sorted_bool(list(int)) bool
isSorted  .list_uint_is_sorted_bool(list(uint)) bool
isSorted  .list_double_is_sorted_bool(list(double)) bool
isSorted  .list_bool_is_sorted_bool(list(bool)) bool
isSorted  .list_duration_is_sorted_bool(list(duration)) bool
isSorted  .list_timestamp_is_sorted_bool(list(timestamp)) bool
isSorted  .list_string_is_sorted_bool(list(string)) bool
isSorted  .list_bytes_is_sorted_bool(list(bytes)) bool
lastIndexOf  .string_last_index_of_string(string, string) int
lastIndexOf  .string_last_index_of_string_int(string, string, int) int
lastIndexOf  .list_a_last_index_of_int(list(A), A) int
lists.range  lists_range(int) list(int)
max  .list_int_max_int(list(int)) int
max  .list_uint_max_uint(list(uint)) uint
max  .list_double_max_double(list(double)) double
max  .list_bool_max_bool(list(bool)) bool
max  .list_duration_max_duration(list(duration)) duration
max  .list_timestamp_max_timestamp(list(timestamp)) timestamp
max  .list_string_max_string(list(string)) string
max  .list_bytes_max_bytes(list(bytes)) bytes
min  .list_int_min_int(list(int)) int
min  .list_uint_min_uint(list(uint)) uint
min  .list_double_min_double(list(double)) double
min  .list_bool_min_bool(list(bool)) bool
min  .list_duration_min_duration(list(duration)) duration
min  .list_timestamp_min_timestamp(list(timestamp)) timestamp
min  .list_string_min_string(list(string)) string
min  .list_bytes_min_bytes(list(bytes)) bytes
reverse  .list_reverse(list(T)) list(T)
sets.contains  list_sets_contains_list(list(T), list(T)) bool
sets.equivalent  list_sets_equivalent_list(list(T), list(T)) bool
sets.intersects  list_sets_intersects_list(list(T), list(T)) bool
slice  .list_slice(list(T), int, int) list(T)
sort  .list_int_sort(list(int)) list(int)
sort  .list_uint_sort(list(uint)) list(uint)
sort  .list_double_sort(list(double)) list(double)
sort  .list_bool_sort(list(bool)) list(bool)
sort  .list_google.protobuf.Duration_sort(list(duration)) list(duration)
sort  .list_google.protobuf.Timestamp_sort(list(timestamp)) list(timestamp)
sort  .list_string_sort(list(string)) list(string)
sort  .list_bytes_sort(list(bytes)) list(bytes)
sum  .list_int_sum_int(list(int)) int
sum  .list_uint_sum_uint(list(uint)) uint
sum  .list_double_sum_double(list(double)) double
sum  .list_duration_sum_duration(list(duration)) duration
# Quantities and versions
add  .quantity_add(Quantity, Quantity) Quantity
add  .quantity_add_int(Quantity, int) Quantity
asApproximateFloat  .quantity_get_float(Quantity) double
asInteger  .quantity_get_int(Quantity) int
compareTo  .quantity_compare_to(Quantity, Quantity) int
compareTo  .semver_compare_to(Semver, Semver) int
isGreaterThan  .quantity_is_greater_than(Quantity, Quantity) bool
isGreaterThan  .semver_is_greater_than(Semver, Semver) bool
isInteger  .quantity_is_integer(Quantity) bool
isLessThan  .quantity_is_less_than(Quantity, Quantity) bool
isLessThan  .semver_is_less_than(Semver, Semver) bool
isQuantity  is_quantity_string(string) bool
isSemver  is_semver_string(string) bool
isSemver  is_semver_string_bool(string, bool) bool
major  .semver_major(Semver) int
minor  .semver_minor(Semver) int
patch  .semver_patch(Semver) int
quantity  string_to_quantity(string) Quantity
semver  string_to_semver(string) Semver
semver  string_bool_to_semver(string, bool) Semver
sign  quantity_sign(Quantity) int
sub  .quantity_sub(Quantity, Quantity) Quantity
sub  .quantity_sub_int(Quantity, int) Quantity
# Networks and URLs
cidr  string_to_cidr(string) CIDR
containsCIDR  .cidr_contains_cidr_string(CIDR, string) bool
containsCIDR  .cidr_contains_cidr(CIDR, CIDR) bool
containsIP  .cidr_contains_ip_string(CIDR, string) bool
containsIP  .cidr_contains_ip_ip(CIDR, IP) bool
family  .ip_family(IP) int
getEscapedPath  .url_get_escaped_path(URL) string
getHost  .url_get_host(URL) string
getHostname  .url_get_hostname(URL) string
getPort  .url_get_port(URL) string
getQuery  .url_get_query(URL) map(string, list(string))
getScheme  .url_get_scheme(URL) string
ip  string_to_ip(string) IP
ip  .cidr_ip(CIDR) IP
ip.isCanonical  ip_is_canonical(string) bool
isCIDR  is_cidr(string) bool
isGlobalUnicast  .ip_is_global_unicast(IP) bool
isIP  is_ip(string) bool
isLinkLocalMulticast  .ip_is_link_local_multicast(IP) bool
isLinkLocalUnicast  .ip_is_link_local_unicast(IP) bool
isLoopback  .ip_is_loopback(IP) bool
isURL  is_url_string(string) bool
isUnspecified  .ip_is_unspecified(IP) bool
masked  .cidr_masked(CIDR) CIDR
prefixLength  .cidr_prefix_length(CIDR) int
url  string_to_url(string) URL
# Named formats
format.byte  format.byte() NamedFormat
format.date  format.date() NamedFormat
format.datetime  format.datetime() NamedFormat
format.dns1035Label  format.dns1035Label() NamedFormat
format.dns1035LabelPrefix  format.dns1035LabelPrefix() NamedFormat
format.dns1123Label  format.dns1123Label() NamedFormat
format.dns1123LabelPrefix  format.dns1123LabelPrefix() NamedFormat
format.dns1123Subdomain  format.dns1123Subdomain() NamedFormat
format.dns1123SubdomainPrefix  format.dns1123SubdomainPrefix() NamedFormat
format.labelValue  format.labelValue() NamedFormat
format.named  format-named(string) optional(NamedFormat)
format.qualifiedName  format.qualifiedName() NamedFormat
format.uri  format.uri() NamedFormat
format.uuid  format.uuid() NamedFormat
validate  .format-validate(NamedFormat, string) optional(list(string))
# Maps
cel.@mapInsert  @mapInsert_map_key_value(map(K, V), K, V) map(K, V)
cel.@mapInsert  @mapInsert_map_map(map(K, V), map(K, V)) map(K, V)
# Authorization: no expression on devices can get such a value, but the names are taken
allowed  .decision_allowed(Decision) bool
check  .pathcheck_check(PathCheck, string) Decision
check  .resourcecheck_check(ResourceCheck, string) Decision
error  .decision_error(Decision) string
errored  .decision_errored(Decision) bool
fieldSelector  .authorizer_fieldselector(ResourceCheck, string) ResourceCheck
group  .authorizer_group(Authorizer, string) GroupCheck
labelSelector  .authorizer_labelselector(ResourceCheck, string) ResourceCheck
name  .resourcecheck_name(ResourceCheck, string) ResourceCheck
namespace  .resourcecheck_namespace(ResourceCheck, string) ResourceCheck
path  .authorizer_path(Authorizer, string) PathCheck
reason  .decision_reason(Decision) string
resource  .groupcheck_resource(GroupCheck, string) ResourceCheck
serviceAccount  .authorizer_serviceaccount(Authorizer, string, string) Authorizer
subresource  .resourcecheck_subresource(ResourceCheck, string) ResourceCheck
"""


def table() -> tuple[tuple[str, str, bool, str, str], ...]:
    """Rows of (function, overload, is a member function, arguments, result)."""
    rows = []
    for line in (OPERATORS + _TABLE).splitlines():
        if not line or line.startswith("#"):
            continue
        function, rest = line.split("  ", 1)
        overload, _, signature = rest.partition("(")
        arguments, _, result = signature.rpartition(") ")
        rows.append((function, overload.removeprefix("."), overload.startswith("."), arguments, result))
    return tuple(rows)
