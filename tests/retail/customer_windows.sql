-- A plain range join: every line of the customer in [as_of - $low, as_of - $high), for one bucket of customers.
-- Columns ending in __scale are what the tolerance of a DOUBLE is measured in; every other column must be identical
-- or has such a partner.
select s.spine_row,
       count(e.InvoiceNo)                                             as lines,
       count(distinct e.InvoiceNo) filter (where not e.cancelled)     as orders,
       count(e.InvoiceNo) filter (where e.returned)                   as returned_lines,
       case when count(e.InvoiceNo) > 0
            then count(e.InvoiceNo) filter (where e.returned)::double
                 / count(e.InvoiceNo)::double end                     as return_rate,
       sum(e.Quantity)::bigint                                        as quantity,
       coalesce(sum(e.Quantity) filter (where not e.returned), 0)::bigint as items_bought,
       fsum(e.amount)                                                 as spend,
       fsum(abs(e.amount))                                            as spend__scale,
       fsum(e.amount) filter (where not e.returned)                   as spend_gross,
       fsum(abs(e.amount)) filter (where not e.returned)              as spend_gross__scale,
       count(distinct e.StockCode)                                    as distinct_products,
       case when orders > 0 then (lines - returned_lines)::double / orders::double end as basket_lines,
       case when orders > 0 then items_bought::double / orders::double end             as basket_quantity,
       case when orders > 0 then spend_gross / orders::double end                      as basket_value,
       case when orders > 0 then spend_gross__scale / orders::double end               as basket_value__scale,
       favg(e.UnitPrice)                                              as avg_unit_price,
       favg(abs(e.UnitPrice))                                         as avg_unit_price__scale,
       max(e.amount)                                                  as biggest_line,
       stddev_samp(e.amount)                                          as sd_line,
       stddev_samp(e.amount) + abs(favg(e.amount))                    as sd_line__scale
from customer_spine s
left join lines e
  on  e.CustomerID = s.CustomerID
  and e.InvoiceDate >= s.as_of - $low::interval
  and e.InvoiceDate <  s.as_of - $high::interval
where coalesce(s.CustomerID, 0) % $buckets::int = $bucket::int
group by s.spine_row
